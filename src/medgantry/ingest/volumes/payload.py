"""Whether the voxels that a text header promises are all there: SimpleITK reads what is missing as zeros."""

import zlib
from dataclasses import dataclass
from pathlib import Path

from medgantry.ledger import Unusable

_BLOCK_BYTES = 1 << 22
_EITHER_WRAPPER = (
    47  # zlib's or gzip's, whichever the stream begins with; the checksum at its end is compared
)


@dataclass(frozen=True, kw_only=True)
class Payload:
    """Where a header says its voxels are."""

    path: Path
    """The file with the voxels: the header's own, or the one it names."""
    offset: int
    """Bytes before the first voxel, or -1 where the voxels are the end of the file."""
    promised: int
    """Bytes of all voxels, unpacked."""
    compressed: bool
    packed: int = 0
    """Bytes of the compressed stream, where the header tells; else 0."""


def check_payload(payload: Payload) -> None:
    """Read the voxels' file as far as the header promises voxels.

    Raises:
        Unusable: If the file is missing, ends early or its compressed stream is damaged.
    """
    name = payload.path.name
    if not payload.path.is_file():
        raise Unusable("every listed file exists", f"{name}, which a header names, is missing", "Restore it.")
    there = payload.path.stat().st_size - max(payload.offset, 0)
    if payload.compressed:
        there, consumed = _unpacked(payload)
        if payload.packed and payload.packed != consumed:
            raise Unusable(
                "the compressed stream is as long as its header says",
                f"{name}: {consumed} bytes, {payload.packed} were promised",
                "Export it again.",
            )
    if there < payload.promised:
        raise Unusable(
            "the file holds the voxels its header promises",
            f"{name} holds {there} bytes, {payload.promised} were promised",
            "Copy the file again.",
        )


def plain_name(name: str, header: str) -> str:
    """The name of a file beside the header, and nowhere else.

    Raises:
        Unusable: If the name is a path or a pattern.
    """
    if not name or any(sign in name for sign in "/\\%") or name.split()[0] == "LIST" or name in (".", ".."):
        raise Unusable(
            "a header names one file in its own folder",
            f"{header} names {name!r}",
            "Save the volume as one file.",
        )
    return name


def _unpacked(payload: Payload) -> tuple[int, int]:
    """Bytes that the stream holds, and bytes it takes in the file."""
    unpacker, size, consumed = zlib.decompressobj(_EITHER_WRAPPER), 0, 0
    with payload.path.open("rb") as stream:
        stream.seek(max(payload.offset, 0))
        try:
            while not unpacker.eof and (block := unpacker.unconsumed_tail or stream.read(_BLOCK_BYTES)):
                size += len(unpacker.decompress(block, _BLOCK_BYTES))
                consumed += len(block) - len(unpacker.unconsumed_tail) - len(unpacker.unused_data)
        except zlib.error as error:
            raise Unusable(
                "the compressed stream is whole", f"{payload.path.name}: {error}", "Copy the file again."
            ) from error
    if not unpacker.eof:
        raise Unusable(
            "the compressed stream is whole",
            f"{payload.path.name} ends before its stream does",
            "Copy the file again.",
        )
    return size, consumed
