"""Where photos lie: files of the source, or members of its zip archives, which are never unpacked whole."""

import functools
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from medgantry.ledger import Unusable
from medgantry.storage.files import Source

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Suffix in lower case -> what the file must hold."""
MAX_FILE_BYTES = 256 << 20
"""Of one image as it is stored."""


@dataclass(frozen=True, order=True)
class Place:
    """One image file."""

    file: str
    """Name in the source, of the image or of the archive."""
    member: str = ""
    """Name in the archive."""

    @property
    def label(self) -> str:
        """The name by which a person finds it."""
        return f"{self.file}/{self.member}" if self.member else self.file

    @property
    def stem(self) -> str:
        """The file's name without folder and suffix."""
        return PurePosixPath(self.label).stem


def list_places(source: Source, pattern: str) -> tuple[list[Place], list[tuple[str, Unusable]]]:
    """Every image of the source.

    Args:
        source: The source.
        pattern: A folder, an archive, or names with `*` and `?`; empty for all.

    Returns:
        The images, sorted by name, and what cannot be used: damaged archives, unsafe names in archives.
    """
    places: list[Place] = []
    refused: list[tuple[str, Unusable]] = []
    for name in source.names():
        if is_photo(name):
            places.append(Place(name))
        elif name.lower().endswith(".zip"):
            found, verdicts = _members(name, source)
            places += found
            refused += verdicts
    return (
        sorted(place for place in places if _matches(place.label, pattern)),
        [(label, verdict) for label, verdict in refused if _matches(label, pattern)],
    )


def is_photo(name: str) -> bool:
    """Whether a file is a photo by its name."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def read_place(path: Path, place: Place) -> bytes:
    """The bytes of one image.

    Args:
        path: The file, or the archive, on this machine.
        place: What to read of it.

    Raises:
        Unusable: If it is missing, empty, damaged or too large.
    """
    try:
        if place.member:
            info = _open_archive(path).getinfo(place.member)
            _check_size(place.label, info.file_size)
            with _open_archive(path).open(info) as stream:
                data = stream.read(MAX_FILE_BYTES + 1)  # what the directory says may be untrue
        else:
            _check_size(place.label, path.stat().st_size)
            data = path.read_bytes()
    except Unusable:
        raise
    except Exception as error:  # zipfile raises many kinds for damaged and encrypted members
        raise Unusable(
            "the file can be read to its end", f"{place.label}: {error}", "Copy the file again."
        ) from error
    _check_size(place.label, len(data))
    return data


def _check_size(label: str, size: int) -> None:
    if not size:
        raise Unusable("the file is not empty", f"{label} has 0 bytes", "Copy the file again.")
    if size > MAX_FILE_BYTES:
        raise Unusable(
            "an image fits into memory",
            f"{label} has {size} bytes, {MAX_FILE_BYTES} are allowed",
            "Save a smaller copy.",
        )


def _matches(label: str, pattern: str) -> bool:
    folder = pattern.strip("/")
    return not folder or label == folder or label.startswith(f"{folder}/") or fnmatchcase(label, pattern)


def _members(name: str, source: Source) -> tuple[list[Place], list[tuple[str, Unusable]]]:
    try:
        with zipfile.ZipFile(source.open_local(name)) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        verdict = Unusable("the archive can be read", f"{name}: {error}", "Copy the archive again.")
        return [], [(name, verdict)]
    places, refused = [], []
    for member in members:
        parts = PurePosixPath(member).parts
        if not is_photo(member) or "__MACOSX" in parts or PurePosixPath(member).name.startswith("._"):
            continue
        if member.startswith("/") or "\\" in member or ".." in parts or ":" in parts[0]:
            verdict = Unusable(
                "names in an archive stay inside it", f"{name} holds {member!r}", "Pack the archive again."
            )
            refused.append((f"{name}/{member}", verdict))
        else:
            places.append(Place(name, member))
    return places, refused


@functools.lru_cache(maxsize=4)
def _open_archive(path: Path) -> zipfile.ZipFile:
    """Kept open: reading the directory of 5000 members anew for each takes longer than the member."""
    return zipfile.ZipFile(path)
