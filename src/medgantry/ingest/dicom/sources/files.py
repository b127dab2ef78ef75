"""DICOM files in a folder, an unpacked archive, or a bucket.

Every header is read once to list them: names of files and folders say nothing that could be relied on.
"""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medgantry.dicom.header import read_header
from medgantry.errors import InvalidInput, ObjectMissing
from medgantry.fingerprint import hash_value
from medgantry.ingest.dicom.sources.source import Listing, SourceSeries, SourceStudy
from medgantry.ledger import Unusable
from medgantry.storage.files import Source

DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of DICOMDIR."""
_READERS = 16


class FileSource:
    """A source of files; a `DicomSource`.

    Args:
        source: The files.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def studies(self) -> Listing:
        """List the files by what their headers say."""
        names = self._source.names()
        if not names:
            raise InvalidInput(f"{self._source.uri} holds no files.", "Check the path or the prefix.")
        found: dict[tuple[str, str], dict[str, list[tuple[str, str, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        refused: dict[str, Unusable] = {}
        excluded: dict[str, str] = {}
        marks = self._source.marks()
        with ThreadPoolExecutor(_READERS if self._source.is_remote else 1) as pool:
            for name, facts in zip(names, pool.map(self._facts, names), strict=True):
                if isinstance(facts, Unusable):
                    refused[name] = facts
                elif isinstance(facts, str):
                    excluded[name] = facts
                else:
                    patient, study, series, modality, instance = facts
                    mark = hash_value([instance, marks[name]])
                    found[patient, study][series].append((name, modality, mark))
        studies = [
            SourceStudy(
                study_uid=study,
                patient_id=patient,
                series=[_series(uid, files) for uid, files in sorted(series.items())],
            )
            for (patient, study), series in sorted(found.items(), key=lambda item: item[0][::-1])
        ]
        if not studies:
            raise InvalidInput(
                f"{self._source.uri} holds no DICOM image among {len(names)} files.",
                "Check the path or the prefix.",
            )
        return Listing(studies=studies, refused=refused, excluded=excluded)

    def fetch(self, study: SourceStudy, series: SourceSeries, folder: Path) -> Iterator[Path]:
        """The files themselves where they are on this machine, else copies."""
        for name in series.locator:
            yield self._source.open_local(name)

    def _facts(self, name: str) -> tuple[str, str, str, str, str] | Unusable | str:
        """Patient, study, series, modality, instance; or why not."""
        try:
            path = self._source.open_local(name)
            magic = _magic(path)
        except (OSError, ObjectMissing) as error:
            return Unusable(
                "the file can be opened", type(error).__name__, "Give the step the right to read it."
            )
        try:
            header = read_header(path)
            if header.text("SOPClassUID") == DIRECTORY or header.text("MediaStorageSOPClassUID") == DIRECTORY:
                return "a DICOMDIR lists files and is none itself"
            keywords = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SOPInstanceUID")
            patient, study, series, modality, instance = (header.text(keyword) for keyword in keywords)
            for keyword, value in zip(keywords[1:3], (study, series), strict=True):
                if not value:
                    raise Unusable(f"an instance has a {keyword}", "it has none", "Export it again.")
            return patient, study, series, modality, instance
        except Unusable as verdict:
            if magic != b"DICM" and path.suffix.lower() not in (".dcm", ".dicom", ".ima", ""):
                return "the file is DICOM"
            return verdict
        finally:
            self._source.forget(name)


def _magic(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(132)[128:]


def _series(uid: str, files: list[tuple[str, str, str]]) -> SourceSeries:
    return SourceSeries(
        series_uid=uid,
        modality=next((modality for _, modality, _ in files if modality), ""),
        instances=len(files),
        locator=sorted(name for name, _, _ in files),
        fingerprint=hash_value(sorted(mark for _, _, mark in files)),
    )
