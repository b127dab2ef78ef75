"""Series of The Cancer Imaging Archive, or of a mirror of it, that a manifest names.

    /path/manifest.tcia, or s3://bucket/manifest.tcia
    /path/manifest.tcia#https://mirror/nbia-api/services/v1    another archive than the environment names

The manifest is what the archive's portal gives: lines `name=value`, then `ListOfSeriesToDownload=` and one
SeriesInstanceUID a line. Its downloadServerUrl is an older interface and is not used.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medgantry.dicom.network.http import PATIENCE_SECONDS
from medgantry.dicom.network.incoming import check_complete
from medgantry.dicom.network.nbia import Nbia, field
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.ingest.dicom.sources.source import Listing, SourceSeries, SourceStudy
from medgantry.ledger import Unusable
from medgantry.storage.files import locate

_LIST = "ListOfSeriesToDownload="
_PARALLEL = 8


class TciaSource:
    """The series of a manifest; a `DicomSource`.

    Args:
        uri: As this module's docstring says.
        scratch: Local folder; transfers that broke are continued from there.
        patience: Seconds to go on trying while the archive does not answer.

    Raises:
        InvalidInput: If there is no such manifest, or it names no series.
    """

    def __init__(self, uri: str, scratch: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._uri, _, base = uri.partition("#")
        self._archive = Nbia(base, partial=scratch / "partial", patience=patience)
        self._lines = _read_manifest(self._uri)

    def studies(self) -> Listing:
        """Ask the archive for every series of the manifest."""
        found: dict[tuple[str, str], list[SourceSeries]] = {}
        refused: dict[str, Unusable] = {}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            described = pool.map(self._describe, self._lines)
            for number, answer in zip(self._lines.values(), described, strict=True):
                if isinstance(answer, Unusable):
                    refused[f"{Path(self._uri).name} line {number}"] = answer
                else:
                    study, patient, series = answer
                    found.setdefault((study, patient), []).append(series)
        if not found:
            raise InvalidInput(
                f"None of the {len(self._lines)} series of {self._uri} is in the archive.",
                "Get a new manifest; for a restricted collection set MEDGANTRY_NBIA_TOKEN.",
            )
        studies = [
            SourceStudy(
                study_uid=study, patient_id=patient, series=sorted(series, key=lambda one: one.series_uid)
            )
            for (study, patient), series in sorted(found.items(), key=lambda item: item[0])
        ]
        return Listing(studies=studies, refused=refused)

    def fetch(self, study: SourceStudy, series: SourceSeries, folder: Path) -> Iterator[Path]:
        """Bring a series as one zip file, checked before the first instance is named."""
        arrived = 0
        for path in self._archive.fetch(series.series_uid, folder):
            arrived += 1
            yield path
        check_complete(arrived, series.instances)

    def _describe(self, uid: str) -> tuple[str, str, SourceSeries] | Unusable:
        """Study, patient and series; or why not."""
        record = self._archive.describe(uid)
        study = field(record, "StudyInstanceUID", "StudyUID")
        if not study:
            return Unusable(
                "the archive has every series of the manifest",
                "it has none such",
                "Get a new manifest; for a restricted collection set MEDGANTRY_NBIA_TOKEN.",
            )
        count = field(record, "ImageCount", "NumberOfImages", "NumImages")
        instances = int(count) if count.isdecimal() else self._archive.count(uid)
        when = field(record, "TimeStamp"), field(record, "DateReleased")
        series = SourceSeries(
            series_uid=uid,
            modality=field(record, "Modality"),
            instances=instances,
            fingerprint=hash_value([uid, instances, field(record, "FileSize"), *when]),
        )
        return study, field(record, "PatientID", "SubjectID"), series


def _read_manifest(uri: str) -> dict[str, int]:
    """SeriesInstanceUID -> number of its line; a series named twice counts once."""
    place = locate(uri)
    try:
        content = place.read_bytes() if isinstance(place, Path) else place[0].get_bytes(place[1])
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except OSError as error:
        raise InvalidInput(
            f"The manifest {uri} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    except UnicodeDecodeError:
        lines = []
    if _LIST not in lines:
        raise InvalidInput(
            f"{uri} is no manifest of the archive: it has no line {_LIST}", "Download it again."
        )
    found: dict[str, int] = {}
    for number, line in enumerate(lines[lines.index(_LIST) + 1 :], start=lines.index(_LIST) + 2):
        if line and (len(line) > 64 or not line.replace(".", "").isdecimal()):
            raise InvalidInput(
                f"Line {number} of {uri} is no SeriesInstanceUID.", "Download the manifest again."
            )
        if line:
            found.setdefault(line, number)
    if not found:
        raise InvalidInput(
            f"{uri} names no series.", "Choose some at the archive's portal, and download it again."
        )
    return found
