"""An item of a request as a file on this machine, or as a folder of a series."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isal import igzip, isal_zlib

from medgantry.errors import InvalidInput
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from medgantry.serving.refusals import TooLarge
from medgantry.storage.zip_archives import open_zip, safe_members, unpack_zip

Kind = Literal["nifti", "photo", "dicom"]
_GZIP, _ZIPS = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_PHOTOS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png"}
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Content:
    """What an item is."""

    kind: Kind
    path: Path
    """The file; of a DICOM series the folder."""


class Receiver:
    """Brings items to this machine.

    Args:
        limits: That it keeps.
        references: What items may refer to.
    """

    def __init__(self, limits: Limits, references: References) -> None:
        self.limits, self.references = limits, references

    def receive(self, item: bytes | str, folder: Path) -> Content:
        """Bring one item: the file itself, its base64 text, or a reference.

        Args:
            item: As it came.
            folder: An empty folder, or one that is not there.

        Raises:
            InvalidInput: If it is none of these, or of no kind that is read.
            TooLarge: If it is above a limit.
        """
        folder.mkdir(parents=True, exist_ok=True)
        arrived = folder / "arrived"
        text = item if isinstance(item, str) else _as_text(item)
        if text is not None and "://" in text[:32]:
            self.references.fetch(text, arrived, self.limits)
        else:
            data = _decoded(text) if text is not None else item
            assert isinstance(data, bytes)
            if len(data) > self.limits.request_bytes:
                raise TooLarge(
                    f"A file of {len(data)} bytes came, at most {self.limits.request_bytes} are taken."
                )
            arrived.write_bytes(data)
        return self._recognise(arrived)

    def _recognise(self, path: Path) -> Content:
        """What it is by how it begins: names are not trusted."""
        if path.is_dir():
            return Content(kind="dicom", path=path)
        with path.open("rb") as stream:
            start = stream.read(352)
        for beginning, suffix in _PHOTOS.items():
            if start.startswith(beginning):
                return Content(kind="photo", path=path.rename(path.with_suffix(suffix)))
        if start.startswith(_ZIPS):
            return Content(kind="dicom", path=self._unpack(path))
        if start.startswith(_GZIP):
            return Content(kind="nifti", path=self._inflate(path))
        if start[344:348] in (b"n+1\0", b"ni1\0"):
            return Content(kind="nifti", path=path.rename(path.with_suffix(".nii")))
        if start[128:132] == b"DICM":
            folder = path.with_suffix(".dicom")
            folder.mkdir()
            path.rename(folder / "1.dcm")
            return Content(kind="dicom", path=folder)
        raise InvalidInput(
            f"A NIfTI file, DICOM files in a .zip, a JPEG or a PNG was wanted; the file begins with "
            f"{start[:8].hex() or 'nothing'}."
        )

    def _unpack(self, path: Path) -> Path:
        """A .zip's files; what its directory claims is checked first, and what comes out is no more than that."""
        limits = self.limits
        with open_zip(path, "The archive") as archive:
            members = safe_members(archive, "The archive")
            size = sum(member.file_size for member in members)
        if size > limits.unpacked_bytes or len(members) > limits.archive_files:
            raise TooLarge(
                f"The archive unpacks to {size >> 20} MiB in {len(members)} files; at most {limits.unpacked_mib} MiB "
                f"in {limits.archive_files} files are taken."
            )
        folder = path.with_suffix(".unpacked")
        unpack_zip(path, folder, "The archive")
        return folder

    def _inflate(self, path: Path) -> Path:
        """A .nii.gz as .nii, read to its end, where its checksum is; never more than the limit is written."""
        target = path.with_suffix(".nii")
        size = 0
        try:
            with igzip.open(path) as packed, target.open("wb") as plain:
                while block := packed.read(_BLOCK):
                    size += len(block)
                    if size > self.limits.unpacked_bytes:
                        raise TooLarge(f"The file unpacks to more than {self.limits.unpacked_mib} MiB.")
                    plain.write(block)
        except (EOFError, OSError, isal_zlib.error) as error:  # type: ignore[misc]  # its stub is wrong
            raise InvalidInput("The gzip stream is damaged or cut off.", "Send the file again.") from error
        return target


def _as_text(value: bytes) -> str | None:
    """Bytes that are one line of text; None for a file, which never is."""
    text = value.decode("ascii", errors="replace")
    return text if text.isascii() and text.isprintable() else None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(
            "A file, its base64 text or a reference such as s3://bucket/key was wanted; found other text."
        ) from error
