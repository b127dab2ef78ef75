"""The step `export_dicom`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry import ledger
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.dicom.export.segmentation import Algorithm, Segment, segments_of
from medgantry.documents import write_document
from medgantry.errors import InvalidBundle, MedgantryError, SourceUnavailable, StoreUnavailable
from medgantry.exporting.algorithm import algorithm_of
from medgantry.exporting.case import export_case
from medgantry.exporting.target import open_target
from medgantry.fingerprint import hash_file, hash_value
from medgantry.ledger import Entry
from medgantry.steps import step
from medgantry.storage import ObjectStore

STEP = "export_dicom"
SCHEMA_NAME = "medgantry/dicom-export/1"


def export_step(
    predictions_folder: Path, bundle_folder: Path, output: Path, *, target: str, measurements: bool
) -> None:
    """Write each prediction as DICOM, keep it, send it, and list what became of it; the arguments are the component's."""
    with step(STEP) as record:
        cohort, bundle = Cohort.open(predictions_folder), Bundle(bundle_folder)
        regions = bundle.provenance.get("regions")
        if not regions:
            raise InvalidBundle(f"{bundle.folder.name} does not say which labels its regions are made of.")
        segments = segments_of(bundle.metadata, bundle.outputs)
        exporter = _Exporter(cohort, regions, segments, algorithm_of(bundle), measurements, target)
        rows: list[dict[str, Any]] = []
        entries: list[Entry] = []
        for done, case in enumerate(cohort.cases):
            record.advance(done, len(cohort.cases), "cases")
            rows += exporter.export(case.case_id, entries)
        record.advance(len(cohort.cases), len(cohort.cases), "cases")
        record.verdicts = ledger.counts(entries)
        rejected = [asdict(entry) for entry in entries if entry.verdict == "rejected"]
        record.facts = {
            "objects": len(rows),
            "sent": sum(row["sent"] for row in rows),
            "rejected": rejected[:100],
        }
        write_document(output / "export.json", SCHEMA_NAME, {"objects": rows})
        ledger.write(entries, output / "ledger.parquet")


class _Exporter:
    def __init__(
        self,
        cohort: Cohort,
        regions: dict[str, Sequence[int]],
        segments: Sequence[Segment],
        algorithm: Algorithm,
        measurements: bool,
        target: str,
    ) -> None:
        self._cohort, self._regions, self._segments = cohort, regions, segments
        self._algorithm, self._measurements = algorithm, measurements
        self._target = open_target(target) if target else None
        self._store = ObjectStore.from_environment()

    def export(self, case_id: str, entries: list[Entry]) -> Iterator[dict[str, Any]]:
        """Rows of a case's objects; its verdict goes to the ledger."""
        with TemporaryDirectory(prefix="medgantry-export-") as name:
            try:
                paths = export_case(
                    self._cohort.files_of[case_id],
                    self._regions,
                    self._segments,
                    self._algorithm,
                    Path(name),
                    measurements=self._measurements,
                )
            except (StoreUnavailable, SourceUnavailable):
                raise
            except MedgantryError as error:
                entries.append(_entry(case_id, "rejected", error.message, error.remedy))
                return
            accepted = {sent.path: sent for sent in self._target(paths)} if self._target else {}
            refused = [sent.reason for sent in accepted.values() if not sent.accepted]
            if refused:
                entries.append(
                    _entry(case_id, "rejected", f"the server refused: {refused[0]}", "Ask its administrator.")
                )
            else:
                entries.append(_entry(case_id, "ok", "sent" if accepted else "kept"))
            for path in paths:
                key = f"exports/{hash_value([case_id, hash_file(path)])[:32]}/{path.name}"
                self._store.put_file(key, path)
                sent = path in accepted and accepted[path].accepted
                yield {
                    "case_id": case_id,
                    "uri": self._store.uri(key),
                    "sha256": hash_file(path),
                    "sent": sent,
                }


def _entry(case_id: str, verdict: ledger.Verdict, evidence: str, remedy: str = "") -> Entry:
    rule = "a prediction becomes a DICOM object that the server keeps"
    return Entry(item=case_id, step=STEP, verdict=verdict, rule=rule, evidence=evidence, remedy=remedy)
