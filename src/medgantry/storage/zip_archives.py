"""Zip archives from elsewhere: nothing is written outside the folder asked for, and every checksum is read."""

import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from medgantry.errors import InvalidInput

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises for a cut archive, a wrong CRC, an unknown compression, or a password."""


@contextmanager
def open_zip(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive; damage that shows while it is read is refused as well.

    Args:
        path: Where it is.
        name: What errors call it.

    Raises:
        InvalidInput: If it is no whole archive, or a member is damaged or encrypted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGED as error:  # without its text, which names a member: a patient, maybe
        kind = "a member is encrypted" if "encrypted" in str(error) else type(error).__name__
        raise InvalidInput(f"{name} is no whole .zip: {kind}.", "Fetch the archive again.") from None


def safe_members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The files of an archive, none of which leaves the folder it is unpacked to.

    Args:
        archive: The archive.
        name: What errors call it.

    Raises:
        InvalidInput: If a member's name is absolute or goes up, or if it is a link.
    """
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        place = PurePosixPath(member.filename.replace("\\", "/"))
        link = stat.S_ISLNK(member.external_attr >> 16)
        if link or place.is_absolute() or ".." in place.parts:
            raise InvalidInput(
                f"{name} holds {'a link' if link else 'a name that leaves its folder'}: "
                f"member {archive.infolist().index(member) + 1}.",
                "Do not trust this archive; ask its maker for one of plain files.",
            )
    return members


def unpack_zip(path: Path, folder: Path, name: str) -> Path:
    """Unpack an archive member by member.

    Args:
        path: The archive.
        folder: Where to, made when absent.
        name: What errors call it.

    Returns:
        The folder, or the only folder inside it.

    Raises:
        InvalidInput: If the archive is damaged or unsafe, or larger than the room there is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_zip(path, name) as archive:
        members = safe_members(archive, name)
        needed, free = sum(member.file_size for member in members), shutil.disk_usage(folder).free
        if needed > free:
            raise InvalidInput(
                f"{name} unpacks to {needed >> 20} MiB, and {free >> 20} MiB are free.",
                "Give the step more local disk, or unpack the archive elsewhere.",
            )
        for member in members:
            target = Path(archive.extract(member, folder))
            # Two unpackings of one archive must look the same, and two contents must not.
            os.utime(target, ns=(0, member.CRC))
    inside = [entry for entry in folder.iterdir() if not entry.name.startswith(("._", "__MACOSX"))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
