"""Studies on a DICOMweb server.

The URI is the server's address with `dicomweb+` before it, and what is wanted as a query:

    dicomweb+https://host/dicom-web?ModalitiesInStudy=CT&StudyDate=20200101-&Modality=CT

Attributes of a series, such as Modality, choose among the series of the studies that the others choose.
Credentials come from the environment: see `medgantry.dicom.network.dicomweb`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from medgantry.dicom.network.dicomweb import PAGE, DicomWeb, Record, text
from medgantry.dicom.network.http import PATIENCE_SECONDS
from medgantry.dicom.network.incoming import check_complete
from medgantry.dicom.network.query import Query
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.ingest.dicom.sources.source import Listing, SourceSeries, SourceStudy
from medgantry.ledger import Unusable

_PARALLEL = 8


class DicomWebSource:
    """A DICOMweb server; a `DicomSource`.

    Args:
        uri: As this module's docstring says.
        patience: Seconds to go on trying while the server does not answer.
        page: Results asked for at a time.

    Raises:
        InvalidInput: If the URI is not of this form.
    """

    def __init__(self, uri: str, *, patience: float = PATIENCE_SECONDS, page: int = PAGE) -> None:
        parts = urlsplit(uri.removeprefix("dicomweb+"))
        self._query = Query.of(parts.query)
        self._server = DicomWeb(parts._replace(query="", fragment="").geturl(), patience=patience, page=page)

    def studies(self) -> Listing:
        """List what matches the URI's query."""
        records = self._server.studies(self._query.study)
        if not records:
            raise InvalidInput(
                f"The DICOMweb server {self._server.base} has no study that matches.",
                "Widen the query, and check what this login may see.",
            )
        studies: list[SourceStudy] = []
        refused: dict[str, Unusable] = {}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            for number, study in enumerate(pool.map(self._study, records), start=1):
                if isinstance(study, Unusable):
                    refused[f"study {number} of {len(records)}"] = study
                elif study.series:
                    studies.append(study)
        if not studies and not refused:
            raise InvalidInput(
                f"The DICOMweb server {self._server.base} has no series that matches in {len(records)} studies.",
                "Widen the query.",
            )
        return Listing(studies=studies, refused=refused)

    def fetch(self, study: SourceStudy, series: SourceSeries, folder: Path) -> Iterator[Path]:
        """Bring a series over one connection."""
        arrived = 0
        for path in self._server.retrieve(study.study_uid, series.series_uid, folder):
            arrived += 1
            yield path
        check_complete(arrived, series.instances)

    def _study(self, record: Record) -> SourceStudy | Unusable:
        uid = text(record, "StudyInstanceUID")
        try:
            series = [_series(found) for found in self._server.series(uid, self._query.series)]
        except Unusable as verdict:
            return verdict
        return SourceStudy(study_uid=uid, patient_id=text(record, "PatientID"), series=series)


def _series(record: Record) -> SourceSeries:
    count = text(record, "NumberOfSeriesRelatedInstances")
    uid, modality = text(record, "SeriesInstanceUID"), text(record, "Modality")
    when = text(record, "SeriesDate"), text(record, "SeriesTime")
    return SourceSeries(
        series_uid=uid,
        modality=modality,
        instances=int(count) if count.isdecimal() else 0,
        fingerprint=hash_value([uid, modality, count, *when]),
    )
