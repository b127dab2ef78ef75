"""An NBIA archive for tests, which can break a transfer, be busy, lack a series, or state a wrong MD5."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydicom import dcmread

from tests.http_double import HttpDouble, Reply, Request


class NbiaArchive(HttpDouble):
    """The REST interface of an archive; a context manager.

    Attributes:
        breaks: SeriesInstanceUID -> after how many bytes its next transfers break, one after the other.
        busy: How many requests are answered with 503, which asks to come again at once.
        absent: Series that the archive does not have.
        wrong: Series of which one MD5 is stated wrongly.
        lost: Series of which the zip lacks one instance, and its MD5.
        ranges: Whether a transfer can be continued.
        hashes: Whether `getImageWithMD5Hash` exists.
        changing: Whether every zip of a series has other bytes.
        extra: Further members of every zip.
        delay: Seconds that every answer takes.
    """

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.breaks: dict[str, list[int]] = {}
        self.busy = 0
        self.absent: set[str] = set()
        self.wrong: set[str] = set()
        self.lost: set[str] = set()
        self.ranges = self.hashes = True
        self.changing = False
        self.extra: dict[str, bytes] = {"LICENSE": b"CC BY"}
        self.delay = 0.0
        self._files: dict[str, list[Path]] = {}
        self._made = 0

    def add(self, paths: Sequence[Path]) -> str:
        """Hold a series; its UID."""
        uid = str(dcmread(paths[0], stop_before_pixels=True).SeriesInstanceUID)
        self._files[uid] = list(paths)
        return uid

    def manifest(self, path: Path, uids: Sequence[str]) -> Path:
        """Write a manifest of series."""
        lines = [
            "downloadServerUrl=https://nowhere.invalid/servlet",
            "includeAnnotation=true",
            "noOfrRetry=4",
        ]
        lines += ["databasketId=manifest-1.tcia", "manifestVersion=3.0", "ListOfSeriesToDownload=", *uids, ""]
        path.write_text("\n".join(lines))
        return path

    def _answer(self, request: Request) -> Reply:
        time.sleep(self.delay)
        if self.busy > 0:
            self.busy -= 1
            return Reply(status=503, headers={"Retry-After": "0"})
        uid = request.value("SeriesInstanceUID")
        name = request.path.rpartition("/")[2]
        files = [] if uid in self.absent else self._files.get(uid, [])
        if name == "getSeriesMetaData":
            return _json([_description(uid, files)] if files else [])
        if name == "getSOPInstanceUIDs":
            return _json([{"SOPInstanceUID": str(dcmread(path).SOPInstanceUID)} for path in files])
        if name == "getImage" or (name == "getImageWithMD5Hash" and self.hashes):
            return (
                self._transfer(request, uid, self._zip(uid, files, name != "getImage"))
                if files
                else Reply(status=404)
            )
        return Reply(status=404)

    def _transfer(self, request: Request, uid: str, content: bytes) -> Reply:
        cut = self.breaks.get(uid, [])
        after = cut.pop(0) if cut else None
        offset = request.headers.get("range", "").removeprefix("bytes=").rstrip("-")
        if offset and self.ranges:
            if int(offset) >= len(content):
                return Reply(status=416)
            headers = {"Content-Range": f"bytes {offset}-{len(content) - 1}/{len(content)}"}
            return Reply(status=206, headers=headers, body=content[int(offset) :], cut=after)
        return Reply(headers={"Content-Type": "application/zip"}, body=content, cut=after)

    def _zip(self, uid: str, files: Sequence[Path], hashes: bool) -> bytes:
        self._made += 1
        buffer = io.BytesIO()
        lines = ["Filename,MD5Hash"]
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.extra.items():
                archive.writestr(_member(name), content)
            for number, path in enumerate(files[1:] if uid in self.lost else files):
                content = path.read_bytes()
                if self.changing:  # as if the server had packed another file by now
                    content = content[:-2] + self._made.to_bytes(2, "little")
                digest = hashlib.md5(content).hexdigest()
                if uid in self.wrong and number == 1:
                    digest = hashlib.md5(b"other").hexdigest()
                lines.append(f"{number:08d}.dcm,{digest.upper()}")
                archive.writestr(_member(f"{number:08d}.dcm"), content)
            if hashes:
                archive.writestr(_member("md5hashes.csv"), "\n".join(lines))
        return buffer.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _json(records: list[Any]) -> Reply:
    return Reply(
        headers={"Content-Type": "application/json"}, body=json.dumps(records).encode() if records else b""
    )


def _description(uid: str, files: Sequence[Path]) -> dict[str, Any]:
    header = dcmread(files[0], stop_before_pixels=True)
    return {
        "Series UID": uid,
        "Study UID": str(header.StudyInstanceUID),
        "Subject ID": str(header.PatientID),
        "Modality": str(header.Modality),
        "Number of Images": str(len(files)),
        "File Size": str(sum(path.stat().st_size for path in files)),
        "Date Released": "2020-01-01",
    }
