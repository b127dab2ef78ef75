"""NRRD: `.nrrd`, or `.nhdr` with its voxels in a file beside it.

Source of the field names: Teem, Definition of NRRD File Format,
https://teem.sourceforge.net/nrrd/format.html.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from medgantry.ingest.volumes.itk import read_itk
from medgantry.ingest.volumes.payload import Payload, check_payload, plain_name
from medgantry.ingest.volumes.volume import Volume
from medgantry.ledger import Unusable

_HEADER_BYTES = 1 << 20
"""Longer than any header, even with the DICOM fields that some programs copy into it."""
_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32"), 4),
    **dict.fromkeys(("uint32_t", "float"), 4),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t", "double"), 8),
}
_SPACES = {
    "right-anterior-superior", "ras", "left-anterior-superior", "las", "left-posterior-superior", "lps",
}  # fmt: skip
_ENCODINGS = {"raw": False, "gzip": True, "gz": True}


def nrrd_companions(name: str, open_file: Callable[[], Path]) -> Sequence[str]:
    """The file with a detached header's voxels."""
    if not name.lower().endswith(".nhdr"):
        return []
    fields, _ = _read_header(open_file())
    return [plain_name(fields["data file"], name)] if "data file" in fields else []


def read_nrrd(path: Path) -> Volume:
    """Read a file whose header places it in the patient.

    Raises:
        Unusable: If the file is cut off, or its header leaves open what or where the voxels are.
    """
    fields, length = _read_header(path)
    _check_fields(path.name, fields)
    promised = math.prod(int(size) for size in fields["sizes"].split()) * _BYTES[fields["type"].lower()]
    detached = fields.get("data file", "")
    skip = int(fields.get("byte skip", "0"))
    check_payload(
        Payload(
            path=path.with_name(plain_name(detached, path.name)) if detached else path,
            offset=-1 if skip < 0 else skip + (0 if detached else length),
            promised=promised,
            compressed=_ENCODINGS[fields["encoding"].lower()],
        )
    )
    return read_itk(path, "NrrdImageIO", promised)


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    """Field -> value, and the header's bytes; key/value pairs (`:=`) and comments are left out."""
    with path.open("rb") as stream:
        data = stream.read(_HEADER_BYTES)
    if not data.startswith(b"NRRD"):
        raise Unusable(
            "the file is readable NRRD", f"{path.name} does not begin with NRRD", "Export it again."
        )
    fields, position = {}, 0
    while position < len(data):
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        line = data[position:end].decode("utf-8", errors="replace").rstrip("\r")
        position = end + 1
        if not line:
            break
        name, colon, value = line.partition(": ")
        if colon and not line.startswith("#") and ":=" not in name:
            fields[_field(name)] = value.strip()
    return fields, position


def _field(name: str) -> str:
    lower = name.strip().lower()
    return {"datafile": "data file", "byteskip": "byte skip", "lineskip": "line skip"}.get(lower, lower)


def _check_fields(name: str, fields: Mapping[str, str]) -> None:
    missing = {"type", "sizes", "encoding"} - set(fields)
    if missing:
        raise Unusable(
            "the header says plainly what the file holds",
            f"{name} lacks {sorted(missing)}",
            "Export it again.",
        )
    if fields["type"].lower() not in _BYTES or fields["encoding"].lower() not in _ENCODINGS:
        raise Unusable(
            "voxels are numbers, raw or gzip",
            f"{name} has type {fields['type']}, encoding {fields['encoding']}",
            "Export it with encoding gzip.",
        )
    if fields.get("line skip", "0") != "0":
        raise Unusable(
            "the header says plainly what the file holds", f"{name} skips lines", "Export it as one file."
        )
    if fields.get("space", "").lower() not in _SPACES or "space directions" not in fields:
        raise Unusable(
            "a volume says where its voxels are",
            f"{name} has space {fields.get('space', 'none')!r} and "
            f"{'' if 'space directions' in fields else 'no '}space directions",
            "Export it with the patient's axes, such as left-posterior-superior.",
        )
