"""An archive that speaks NBIA's REST interface, such as The Cancer Imaging Archive or a private mirror of it.

A series comes as one zip file. It is made by the server while it is sent, so a transfer that broke is continued only
where the server can, and what came is believed only after every MD5 that the archive states was found to be right.
The environment names the archive and, for restricted collections, the login:

    MEDGANTRY_NBIA_URL      default https://services.cancerimagingarchive.net/nbia-api/services/v1
    MEDGANTRY_NBIA_TOKEN    a bearer token
"""

import csv
import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3

from medgantry.dicom.network.http import PATIENCE_SECONDS, HttpServer, Interrupted, Login, body
from medgantry.dicom.network.incoming import Incoming
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.ledger import Unusable
from medgantry.storage.zip_archives import open_zip, safe_members

PUBLIC = "https://services.cancerimagingarchive.net/nbia-api/services/v1"
"""The Cancer Imaging Archive."""
HASHES = "md5hashes.csv"
"""Name of the member that states the MD5 of every other."""
_FRUITLESS_TRIES = 3
_PART_OF_FILE, _RANGE_BEYOND_END = 206, 416
_WHOLE = "every file of the archive arrives as the archive states"

Record = Mapping[str, Any]


class Nbia:
    """One archive.

    Args:
        base: Its address; what the environment names by default.
        partial: Local folder where a transfer that broke is kept until it is complete.
        patience: Seconds to go on trying while the archive does not answer.

    Raises:
        InvalidInput: If the address is none.
    """

    def __init__(self, base: str, *, partial: Path, patience: float = PATIENCE_SECONDS) -> None:
        login = Login(
            token=os.environ.get("MEDGANTRY_NBIA_TOKEN", ""),
            remedy="For a restricted collection set MEDGANTRY_NBIA_TOKEN, and the address of a server that takes it.",
        )
        address = base or os.environ.get("MEDGANTRY_NBIA_URL") or PUBLIC
        self._server = HttpServer(address, name="The archive", login=login, patience=patience)
        self._partial = partial

    def describe(self, series_uid: str) -> Record:
        """What the archive says of a series; empty if it has none such.

        Names of fields differ between servers: see `field`.

        Raises:
            InvalidInput: If the archive refuses, or is none.
            SourceUnavailable: If it does not answer.
        """
        for endpoint in ("getSeriesMetaData", "getSeries"):
            records = self._records(endpoint, series_uid)
            if records is not None:
                return records[0] if records else {}
        raise InvalidInput(
            f"{self._server.base} is no NBIA archive: it has no getSeriesMetaData.",
            "Correct MEDGANTRY_NBIA_URL, or the address after # in the URI.",
        )

    def count(self, series_uid: str) -> int:
        """How many instances of a series the archive lists; 0 when it does not say. Raises as `describe`."""
        return len(self._records("getSOPInstanceUIDs", series_uid) or [])

    def fetch(self, series_uid: str, folder: Path) -> Iterator[Path]:
        """Bring a series to a folder; nothing is named before all of it was checked.

        Raises:
            Unusable: If the archive has no such series, or what it sends is not what it states.
            SourceUnavailable: If it stops answering; what came is kept, and the next call continues.
        """
        self._partial.mkdir(parents=True, exist_ok=True)
        zipped = self._partial / f"{hash_value([self._server.base, series_uid])[:32]}.zip"
        continued = self._download(series_uid, zipped)
        try:
            paths = _unpack(zipped, Incoming(folder, series_uid))
        except Unusable:
            if not continued:
                raise
            zipped.unlink()  # the server may have made another zip for the second half
            self._download(series_uid, zipped)
            paths = _unpack(zipped, Incoming(folder, series_uid))
        finally:
            zipped.unlink(missing_ok=True)
        yield from paths

    def _records(self, endpoint: str, series_uid: str) -> list[Record] | None:
        """What an endpoint lists; None if there is no such endpoint."""
        for _ in range(_FRUITLESS_TRIES):
            query = [("SeriesInstanceUID", series_uid), ("format", "json")]
            with self._server.request(endpoint, query=query, accept=(404,)) as response:
                if response.status == 404:
                    return None
                try:
                    content = b"".join(body(response)).strip()
                except Interrupted as broken:
                    cause = str(broken)
                    continue
            try:
                records = json.loads(content) if content else []
            except ValueError:
                records = None
            if isinstance(records, list):
                return [record for record in records if record]
            raise InvalidInput(
                f"{self._server.base} answered {endpoint} with something else than a JSON list.",
                "Correct MEDGANTRY_NBIA_URL, or the address after # in the URI.",
            )
        raise self._server.unavailable(cause)

    def _download(self, series_uid: str, zipped: Path) -> bool:
        """Bring the zip file; whether it was put together from more than one transfer."""
        part, fruitless, continued = zipped.with_suffix(".part"), 0, False
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                continued = self._transfer(series_uid, part, before) or (continued and before > 0)
                part.rename(zipped)
                return continued
            except Interrupted as broken:
                cause = str(broken)
            fruitless = 0 if part.stat().st_size > before else fruitless + 1
            if fruitless == _FRUITLESS_TRIES:
                raise self._server.unavailable(cause)
            time.sleep(fruitless)

    def _transfer(self, series_uid: str, part: Path, offset: int) -> bool:
        """Append what is missing, or write all anew; whether it was appended."""
        query = [("SeriesInstanceUID", series_uid)]
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        for endpoint in ("getImageWithMD5Hash", "getImage"):
            accept = (404, _RANGE_BEYOND_END)
            with self._server.request(endpoint, query=query, headers=headers, accept=accept) as response:
                if response.status == 404:
                    continue
                if response.status == _RANGE_BEYOND_END:
                    part.unlink()
                    raise Interrupted("what came before is longer than the whole")
                appended = _continues(response, offset)
                with part.open("ab" if appended else "wb") as stream:
                    for piece in body(response):
                        stream.write(piece)
                return appended
        raise Unusable(
            "the archive has every series of the manifest",
            "it has no files of this one",
            "Get a new manifest.",
        )


def field(record: Record, *names: str) -> str:
    """The first of several names that a record has, as text; case and spaces in names do not count."""
    plain = {name.replace(" ", "").lower(): value for name, value in record.items()}
    for name in names:
        value = plain.get(name.lower())
        if value not in (None, ""):
            return str(value).strip()
    return ""


def _continues(response: urllib3.BaseHTTPResponse, offset: int) -> bool:
    """Whether an answer goes on where we stopped."""
    stated = response.headers.get("Content-Range", "")
    return response.status == _PART_OF_FILE and stated.startswith(f"bytes {offset}-")


def _unpack(zipped: Path, incoming: Incoming) -> list[Path]:
    """Unpack the instances, one member at a time; all are checked before the first is named."""
    parts: list[Path] = []
    try:
        with open_zip(zipped, "the download") as archive:
            members = {member.filename: member for member in safe_members(archive, "the download")}
            hashes = _hashes(archive, members)
            wanted = [name for name in members if name in hashes or name.lower().endswith(".dcm")]
            if hashes and set(hashes) != set(wanted):
                raise Unusable(
                    _WHOLE, f"{len(hashes)} files are stated, {len(wanted)} came", "Fetch the series again."
                )
            for name in wanted:
                parts.append(incoming.begin())
                found = _extract(archive, members[name], parts[-1])
                if hashes and found != hashes[name]:
                    raise Unusable(
                        "every file has the MD5 that the archive states",
                        f"file {len(parts)} of {len(wanted)} has another",
                        "Fetch the series again; if it stays so, tell the archive.",
                    )
        paths = [incoming.finish(part) for part in parts]
    except InvalidInput as error:
        raise Unusable(_WHOLE, error.message, error.remedy) from error
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return [path for path in paths if path is not None]


def _hashes(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> dict[str, str]:
    """Name -> MD5; empty where the archive states none."""
    if HASHES not in members:
        return {}
    rows = csv.reader(io.StringIO(archive.read(HASHES).decode("utf-8-sig", "replace")))
    stated = {row[0].strip(): row[1].strip().lower() for row in rows if len(row) >= 2}
    return {name: md5 for name, md5 in stated.items() if len(md5) == 32}  # the first row names the columns


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> str:
    """Write one member; its MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with archive.open(member) as packed, target.open("wb") as stream:
        while piece := packed.read(256 << 10):
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()
