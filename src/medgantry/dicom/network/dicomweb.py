"""A DICOMweb server: search (QIDO-RS), retrieve (WADO-RS) and store (STOW-RS).

Files keep the encoding in which the server holds them, and pass from the connection to the disk without ever being
in memory as a whole. Credentials come from the environment:

    MEDGANTRY_DICOMWEB_TOKEN             a bearer token
    MEDGANTRY_DICOMWEB_USERNAME,
    MEDGANTRY_DICOMWEB_PASSWORD          basic authentication, where there is no token
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
from pydicom.datadict import tag_for_keyword

from medgantry.dicom.header import read_header
from medgantry.dicom.network.http import PATIENCE_SECONDS, HttpServer, Interrupted, Login, body
from medgantry.dicom.network.incoming import Incoming
from medgantry.dicom.network.multipart import FileParts, boundary_of, read_parts
from medgantry.dicom.network.sent import DUPLICATE, Sent
from medgantry.errors import InvalidInput
from medgantry.ledger import Unusable

PAGE = 500
"""Results asked for at a time."""
_JSON = "application/dicom+json"
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_STUDY_FIELDS = (
    "PatientID",
    "StudyInstanceUID",
    "StudyDate",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)
_SERIES_FIELDS = (
    "SeriesInstanceUID",
    "Modality",
    "SeriesDate",
    "SeriesTime",
    "NumberOfSeriesRelatedInstances",
)
_FRUITLESS_TRIES = 3
_BATCH_FILES, _BATCH_BYTES = 100, 64 << 20
_REFUSED_STORE = (400, 409, 413, 415, 422)

Record = Mapping[str, Any]
"""One result in the DICOM JSON model."""


def text(record: Record, keyword: str) -> str:
    """A value of a result; empty when absent."""
    values = record.get(f"{tag_for_keyword(keyword):08X}", {}).get("Value") or [""]
    return str("" if values[0] is None else values[0]).strip()


class DicomWeb:
    """One DICOMweb server.

    Args:
        base: Its address, below which `studies` is.
        patience: Seconds to go on trying while it does not answer.
        page: Results asked for at a time.
        follow: Whether to go where it redirects.

    Raises:
        InvalidInput: If the address is none, or holds credentials.
    """

    def __init__(
        self, base: str, *, patience: float = PATIENCE_SECONDS, page: int = PAGE, follow: bool = True
    ) -> None:
        login = Login(
            token=os.environ.get("MEDGANTRY_DICOMWEB_TOKEN", ""),
            username=os.environ.get("MEDGANTRY_DICOMWEB_USERNAME", ""),
            password=os.environ.get("MEDGANTRY_DICOMWEB_PASSWORD", ""),
            remedy="Set MEDGANTRY_DICOMWEB_TOKEN, or MEDGANTRY_DICOMWEB_USERNAME and MEDGANTRY_DICOMWEB_PASSWORD, "
            "to a login that may read there.",
        )
        self._server = HttpServer(
            base, name="The DICOMweb server", login=login, patience=patience, follow=follow
        )
        self._page = page

    @property
    def base(self) -> str:
        """The server's address."""
        return self._server.base

    def studies(self, wanted: Mapping[str, str]) -> list[Record]:
        """Studies that match.

        Args:
            wanted: Keyword -> value, with DICOM's wildcards and ranges.

        Raises:
            InvalidInput: If the server refuses, or is no DICOMweb server.
            SourceUnavailable: If it does not answer.
        """
        return self._search("studies", wanted, _STUDY_FIELDS, "StudyInstanceUID")

    def series(self, study_uid: str, wanted: Mapping[str, str]) -> list[Record]:
        """Series of a study that match; see `studies`."""
        return self._search(f"studies/{_uid(study_uid)}/series", wanted, _SERIES_FIELDS, "SeriesInstanceUID")

    def retrieve(self, study_uid: str, series_uid: str, folder: Path) -> Iterator[Path]:
        """Bring a series to a folder, and name each instance when it is complete.

        A transfer that breaks is asked for again, as long as it brings something new.

        Raises:
            Unusable: If the server has no such series, or cannot deliver it.
            SourceUnavailable: If it stops answering.
        """
        path = f"studies/{_uid(study_uid)}/series/{_uid(series_uid)}"
        incoming = Incoming(folder, series_uid)
        fruitless = 0
        while True:
            before = incoming.count
            try:
                yield from self._transfer(path, incoming)
                return
            except Interrupted as broken:
                cause = str(broken)
            fruitless = 0 if incoming.count > before else fruitless + 1
            if fruitless == _FRUITLESS_TRIES:
                raise self._server.unavailable(cause)
            time.sleep(fruitless)
            incoming.again()

    def store(self, paths: Sequence[Path]) -> Iterator[Sent]:
        """Send files as they are, and say of each what the server did with it.

        Raises:
            InvalidInput: If the server refuses the login, or does not take files at all.
            SourceUnavailable: If it does not answer; verdicts given before hold.
        """
        batch: dict[Path, str] = {}
        size = 0
        for path in paths:
            try:
                uid = read_header(path).text("SOPInstanceUID")
            except Unusable as verdict:
                yield Sent(path=path, accepted=False, reason=f"{verdict.rule}: {verdict.evidence}")
                continue
            length = path.stat().st_size
            if batch and (len(batch) == _BATCH_FILES or size + length > _BATCH_BYTES):
                yield from self._store(batch)
                batch, size = {}, 0
            batch[path] = uid
            size += length
        if batch:
            yield from self._store(batch)

    def _search(self, path: str, wanted: Mapping[str, str], fields: Sequence[str], key: str) -> list[Record]:
        """All pages; a server that ignores `limit` or `offset` gives everything at once, or the same again."""
        found: dict[str, Record] = {}
        received = 0
        fixed = [*wanted.items(), *(("includefield", field) for field in fields)]
        while True:
            page, more = self._results(path, [*fixed, ("limit", str(self._page)), ("offset", str(received))])
            fresh = {text(record, key): record for record in page}.keys() - found.keys()
            found |= {text(record, key): record for record in page if text(record, key) in fresh}
            received += len(page)
            if not fresh or (len(page) < self._page and not more):
                return [found[uid] for uid in sorted(found)]

    def _results(self, path: str, query: Sequence[tuple[str, str]]) -> tuple[list[Record], bool]:
        """One page, and whether the server says that it has more."""
        for _ in range(_FRUITLESS_TRIES):
            with self._server.request(path, query=query, headers={"Accept": _JSON}) as response:
                if response.status == 204:
                    return [], False
                kind = response.headers.get("Content-Type", "no type")
                try:
                    content = b"".join(body(response))
                except Interrupted as broken:
                    cause = str(broken)
                    continue
                more = response.headers.get("Warning", "").startswith("299")
            return self._parse(content, kind), more
        raise self._server.unavailable(cause)

    def _parse(self, content: bytes, kind: str) -> list[Record]:
        try:
            records = json.loads(content) if content else []
        except ValueError:
            records = None
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise InvalidInput(
                f"{self._server.name} {self.base} answered a search with {kind.partition(';')[0]}, "
                f"not with {_JSON}.",
                "Check the address, the path included: it is the one below which /studies is.",
            )
        return records

    def _transfer(self, path: str, incoming: Incoming) -> Iterator[Path]:
        accept = (400, 404, 406, 410, 500)
        for attempt in range(_FRUITLESS_TRIES):
            with self._server.request(path, headers={"Accept": _AS_STORED}, accept=accept) as response:
                if response.status == 500 and attempt + 1 < _FRUITLESS_TRIES:
                    time.sleep(attempt)
                    continue
                if not 200 <= response.status < 300:
                    raise Unusable(
                        "the source delivers every series that it lists",
                        f"the DICOMweb server answers {response.status}",
                        "Check the series at the source; its log says more.",
                    )
                yield from _files(response, incoming)
            return

    def _store(self, batch: Mapping[Path, str]) -> Iterator[Sent]:
        parts = FileParts(list(batch))
        headers = {**parts.headers, "Accept": _JSON}
        for _ in range(_FRUITLESS_TRIES):
            with self._server.request(
                "studies", method="POST", headers=headers, body=parts, accept=_REFUSED_STORE
            ) as response:
                status = response.status
                try:
                    content = b"".join(body(response))
                    break
                except Interrupted as broken:
                    cause = str(broken)
        else:
            raise self._server.unavailable(cause)
        try:
            record = json.loads(content)
            record = record[0] if isinstance(record, list) else record
        except (ValueError, IndexError):
            record = {}
        failed, kept = _references(record, "FailedSOPSequence"), _references(record, "ReferencedSOPSequence")
        for path, uid in batch.items():
            yield _verdict(path, uid, failed, kept, status)


def _files(response: urllib3.BaseHTTPResponse, incoming: Incoming) -> Iterator[Path]:
    """What a retrieval brings; a single instance may come without any parts."""
    kind = response.headers.get("Content-Type", "")
    boundary = boundary_of(kind)
    if not boundary and not kind.startswith("application/dicom"):
        raise Unusable(
            "a DICOMweb server delivers DICOM",
            f"it delivers {kind.partition(';')[0] or 'something without a type'}",
            "Check the address, and that no gateway asks for a login there.",
        )
    pieces = body(response)
    for part in read_parts(pieces, boundary) if boundary else [pieces]:
        path = incoming.write(part)
        if path is not None:
            yield path


def _uid(uid: str) -> str:
    """A UID that can be part of an address.

    Raises:
        Unusable: If it is none, and might lead elsewhere.
    """
    if len(uid) > 64 or not uid.replace(".", "").isdecimal() or ".." in uid:
        raise Unusable(
            "a UID is digits and dots", "the source lists one that is not", "Mend it at the source."
        )
    return uid


def _references(record: Record, keyword: str) -> dict[str, Record]:
    items = record.get(f"{tag_for_keyword(keyword):08X}", {}).get("Value") or []
    return {text(item, "ReferencedSOPInstanceUID"): item for item in items}


def _verdict(
    path: Path, uid: str, failed: Mapping[str, Record], kept: Mapping[str, Record], status: int
) -> Sent:
    if uid in failed:
        code = int(text(failed[uid], "FailureReason") or 0)
        if code == DUPLICATE:
            return Sent(path=path, accepted=True, reason="the server has it already")
        return Sent(path=path, accepted=False, reason=f"the server refuses it, reason {code:04X}H")
    if uid in kept:
        code = int(text(kept[uid], "WarningReason") or 0)
        return Sent(path=path, accepted=True, reason=f"warning {code:04X}H" if code else "")
    return Sent(path=path, accepted=False, reason=f"the server does not say that it keeps it (HTTP {status})")
