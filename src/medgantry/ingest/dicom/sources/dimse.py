"""Studies on a PACS that speaks DIMSE.

    dimse://CALLED_AE@host:port?calling=MEDGANTRY&retrieve=get&ModalitiesInStudy=CT&StudyDate=20200101-
    dimse://CALLED_AE@host:port?calling=MEDGANTRY&retrieve=move&listen=11112

`calling` is our AE title (MEDGANTRY by default). `retrieve=get` (the default) needs no listener; `retrieve=move` is what
most PACS allow: they must know our AE title with this machine's address and the port `listen` (11112 by default). The
rest are attributes to match; those of a series, such as Modality, choose among the series of the studies found.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pydicom import Dataset

from medgantry.dicom.header import value_text
from medgantry.dicom.network.dimse import PATIENCE_SECONDS, finding
from medgantry.dicom.network.dimse_retrieve import get_series, move_series
from medgantry.dicom.network.incoming import check_complete
from medgantry.dicom.network.peer_uri import peer_of
from medgantry.dicom.network.query import Query
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.ingest.dicom.sources.source import Listing, SourceSeries, SourceStudy

_FORM = "dimse://CALLED_AE@host:port?calling=MEDGANTRY&retrieve=get|move&listen=11112&StudyDate=..."


class DimseSource:
    """A PACS; a `DicomSource`.

    Args:
        uri: As this module's docstring says.
        patience: Seconds to go on trying while the PACS does not answer.

    Raises:
        InvalidInput: If the URI is not of this form.
    """

    def __init__(self, uri: str, *, patience: float = PATIENCE_SECONDS) -> None:
        parts = urlsplit(uri)
        self._query = Query.of(parts.query, options=("calling", "listen", "retrieve"))
        options = {"calling": "MEDGANTRY", "retrieve": "get", "listen": "11112", **self._query.options}
        if options["retrieve"] not in ("get", "move") or not _port(options["listen"]):
            raise InvalidInput(
                f"retrieve is get or move and listen is a port, got {options['retrieve']!r} and "
                f"{options['listen']!r}.",
                f"Correct the URI: {_FORM}",
            )
        self._listen = int(options["listen"]) if options["retrieve"] == "move" else 0
        self._peer = peer_of(uri, patience=patience)

    def studies(self) -> Listing:
        """List what matches the URI's query, over one association."""
        with finding(self._peer) as finder:
            found = finder.studies(self._query.study)
            listed = [
                SourceStudy(
                    study_uid=value_text(record, "StudyInstanceUID"),
                    patient_id=value_text(record, "PatientID"),
                    series=[
                        _series(one)
                        for one in finder.series(value_text(record, "StudyInstanceUID"), self._query.series)
                    ],
                )
                for record in found
            ]
        studies = [study for study in listed if study.series]
        if not studies:
            what = f"no series that matches in {len(found)} studies" if found else "no study that matches"
            raise InvalidInput(
                f"{self._peer.name} has {what}.",
                f"Widen the query, and check what the PACS lets {self._peer.calling} find.",
            )
        return Listing(studies=studies)

    def fetch(self, study: SourceStudy, series: SourceSeries, folder: Path) -> Iterator[Path]:
        """Bring a series by C-GET or C-MOVE."""
        study_uid, series_uid = study.study_uid, series.series_uid
        if self._listen:
            paths = move_series(self._peer, study_uid, series_uid, folder, listen=self._listen)
        else:
            paths = get_series(self._peer, study_uid, series_uid, folder, modality=series.modality)
        arrived = 0
        for path in paths:
            arrived += 1
            yield path
        check_complete(arrived, series.instances)


def _port(text: str) -> int:
    """A TCP port; 0 for anything else."""
    return int(text) if text.isdecimal() and 0 < int(text) < 65536 else 0


def _series(record: Dataset) -> SourceSeries:
    count = value_text(record, "NumberOfSeriesRelatedInstances")
    uid, modality = value_text(record, "SeriesInstanceUID"), value_text(record, "Modality")
    when = value_text(record, "SeriesDate"), value_text(record, "SeriesTime")
    return SourceSeries(
        series_uid=uid,
        modality=modality,
        instances=int(count) if count.isdecimal() else 0,
        fingerprint=hash_value([uid, modality, count, *when]),
    )
