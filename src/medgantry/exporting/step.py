"""The step `export_dicom`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medgantry import ledger
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort, File
from medgantry.dicom.export.segmentation import segments_of
from medgantry.documents import write_document
from medgantry.errors import InvalidBundle, MedgantryError, Mismatch, SourceUnavailable, StoreUnavailable
from medgantry.exporting.algorithm import algorithm_of
from medgantry.exporting.sending import Sender
from medgantry.exporting.writing import Writer
from medgantry.isolation import where_of
from medgantry.ledger import Entry
from medgantry.steps import step
from medgantry.storage import ObjectStore

STEP = "export_dicom"
SCHEMA_NAME = "medgantry/dicom-export/1"
_NEEDED = {"prediction", "dicom"}
"""Roles of a case that can be answered in DICOM."""


def export_step(
    predictions_folder: Path, bundle_folder: Path, output: Path, *, target: str, measurements: bool
) -> None:
    """Write each prediction as DICOM, keep it, send it, and list what became of it; the arguments are the component's."""
    with step(STEP) as record:
        cohort, bundle = Cohort.open(predictions_folder), Bundle(bundle_folder)
        store = ObjectStore.from_environment()
        send = Sender(target, store) if target else None
        rows: list[dict[str, Any]] = []
        entries: list[Entry] = []
        answerable = _answerable(cohort, entries)
        if send and not answerable:
            raise Mismatch(
                f"No case can be answered in DICOM: {entries[0].evidence}, {sorted(_NEEDED)} are needed.",
                "Ingest the cases from DICOM and predict masks, or leave target empty.",
            )
        exporter = _Exporter(_writer(bundle, measurements, store), send) if answerable else None
        for done, (case_id, files) in enumerate(answerable.items()):
            record.advance(done, len(answerable), "cases")
            rows += exporter.export(case_id, files, entries) if exporter else []
        record.advance(len(answerable), len(answerable), "cases")
        record.verdicts = ledger.counts(entries)
        rejected = [asdict(entry) for entry in entries if entry.verdict == "rejected"]
        record.facts = {
            "objects": len(rows),
            "sent": sum(row["sent"] for row in rows),
            "sent_earlier": exporter.sent_earlier if exporter else 0,
            "rejected": rejected[:100],
        }
        hashes = {"bundle_hash": bundle.bundle_hash, "weights_hash": bundle.weights_hash}
        write_document(output / "export.json", SCHEMA_NAME, {"objects": rows, **hashes})
        ledger.write(entries, output / "ledger.parquet")


def _answerable(cohort: Cohort, entries: list[Entry]) -> dict[str, dict[str, File]]:
    """Case id -> its prediction and its slices; what has none of them goes to the ledger."""
    found = {}
    for case in cohort.cases:
        files = {file.role: file for file in cohort.files_of.get(case.case_id, ()) if file.role in _NEEDED}
        if set(files) == _NEEDED:
            found[case.case_id] = files
            continue
        rule = "a case that came from DICOM and has a label map is answered in DICOM"
        evidence = f"a case has {sorted(files) or 'neither'}"
        entries.append(Entry(item=case.case_id, step=STEP, verdict="excluded", rule=rule, evidence=evidence))
    return found


def _writer(bundle: Bundle, measurements: bool, store: ObjectStore) -> Writer:
    regions = bundle.provenance.get("regions")
    if not regions:
        raise InvalidBundle(f"{bundle.folder.name} does not say which labels its regions are made of.")
    segments = segments_of(bundle.metadata, bundle.outputs)
    return Writer(regions, segments, algorithm_of(bundle), measurements=measurements, store=store)


class _Exporter:
    def __init__(self, write: Writer, send: Sender | None) -> None:
        self._write, self._send = write, send
        self.sent_earlier = 0
        """Objects that the target had taken before."""

    def export(self, case_id: str, files: dict[str, File], entries: list[Entry]) -> Iterator[dict[str, Any]]:
        """Rows of a case's objects; its verdict goes to the ledger."""
        try:
            written = self._write(files["prediction"], files["dicom"])
        except (StoreUnavailable, SourceUnavailable):
            raise
        except MedgantryError as error:
            entries.append(_entry(case_id, "rejected", error.message, error.remedy))
            return
        except Exception as error:  # noqa: BLE001 what odd headers make a library raise is a verdict about the case
            told = (
                f"{type(error).__name__} {where_of(error)}"  # not its text, which may hold a header's values
            )
            entries.append(
                _entry(case_id, "rejected", told, "Compare its headers with those of other cases.")
            )
            return
        found = self._send(written.objects) if self._send else {}
        self.sent_earlier += sum(delivery.earlier for delivery in found.values())
        refused = [delivery.reason for delivery in found.values() if not delivery.accepted]
        if refused:
            told = f"the server refused: {refused[0]}"
            entries.append(_entry(case_id, "rejected", told, "Ask its administrator."))
        else:
            entries.append(_entry(case_id, "ok", "sent" if found else "kept"))
        for item in written.objects:
            sent = item.sop_instance_uid in found and found[item.sop_instance_uid].accepted
            yield {"case_id": case_id, **asdict(item), "sources": list(written.sources), "sent": sent}


def _entry(case_id: str, verdict: ledger.Verdict, evidence: str, remedy: str = "") -> Entry:
    rule = "a prediction becomes a DICOM object that the server keeps"
    return Entry(item=case_id, step=STEP, verdict=verdict, rule=rule, evidence=evidence, remedy=remedy)
