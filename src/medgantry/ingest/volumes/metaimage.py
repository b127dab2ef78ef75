"""MetaImage: `.mha`, or `.mhd` with its voxels in a file beside it.

Source of the field names: ITK, MetaIO documentation, https://docs.itk.org/en/latest/learn/metaio.html.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from medgantry.ingest.volumes.itk import read_itk
from medgantry.ingest.volumes.payload import Payload, check_payload, plain_name
from medgantry.ingest.volumes.volume import Volume
from medgantry.ledger import Unusable

_HEADER_BYTES = 1 << 16
_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_LONG", "MET_ULONG", "MET_FLOAT"), 4),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), 8),
}
_DIRECTION = {"TransformMatrix", "Orientation", "Rotation"}
_SPACING = {"ElementSpacing", "ElementSize"}


def metaimage_companions(name: str, open_file: Callable[[], Path]) -> Sequence[str]:
    """The file with a detached header's voxels."""
    if not name.lower().endswith(".mhd"):
        return []
    fields, _ = _read_header(open_file())
    place = fields["ElementDataFile"]
    return [] if place.upper() == "LOCAL" else [plain_name(place, name)]


def read_metaimage(path: Path) -> Volume:
    """Read a file whose header places it in the patient; MetaImage's axes are LPS.

    Raises:
        Unusable: If the file is cut off, or its header leaves open what or where the voxels are.
    """
    fields, length = _read_header(path)
    _check_fields(path.name, fields)
    promised = math.prod(int(size) for size in fields["DimSize"].split()) * _BYTES[fields["ElementType"]]
    promised *= int(fields.get("ElementNumberOfChannels", "1"))
    local = fields["ElementDataFile"].upper() == "LOCAL"
    skip = int(fields.get("HeaderSize", "0"))
    check_payload(
        Payload(
            path=path if local else path.with_name(plain_name(fields["ElementDataFile"], path.name)),
            offset=length if local else skip,
            promised=promised,
            compressed=_is_true(fields, "CompressedData"),
            packed=int(fields.get("CompressedDataSize", "0")),
        )
    )
    return read_itk(path, "MetaImageIO", promised)


def _read_header(path: Path) -> tuple[dict[str, str], int]:
    """Field -> value, and the header's bytes."""
    fields, position = {}, 0
    with path.open("rb") as stream:
        data = stream.read(_HEADER_BYTES)
    while "ElementDataFile" not in fields and position < len(data):
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        name, equals, value = data[position:end].decode("utf-8", errors="replace").partition("=")
        position = end + 1
        if not equals:
            break
        fields[name.strip()] = value.strip()
    if "ElementDataFile" not in fields:
        raise Unusable(
            "the file is readable MetaImage",
            f"{path.name} has no line ElementDataFile in its header",
            "Export it again.",
        )
    return fields, position


def _is_true(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "False").lower() in ("true", "t", "1")


def _check_fields(name: str, fields: Mapping[str, str]) -> None:
    missing = {"DimSize", "ElementType"} - set(fields)
    if missing:
        raise Unusable(
            "the header says plainly what the file holds",
            f"{name} lacks {sorted(missing)}",
            "Export it again.",
        )
    if fields["ElementType"] not in _BYTES or not _is_true({"BinaryData": "True", **fields}, "BinaryData"):
        raise Unusable(
            "voxels are binary numbers",
            f"{name} has {fields['ElementType']}, BinaryData {fields.get('BinaryData', 'True')}",
            "Export it as binary scalars.",
        )
    if fields["ElementDataFile"].upper() == "LOCAL" and fields.get("HeaderSize", "0") != "0":
        raise Unusable(
            "the header says plainly what the file holds",
            f"{name} has HeaderSize {fields['HeaderSize']} and its voxels in the same file",
            "Export it again.",
        )
    if not (_DIRECTION & set(fields) and _SPACING & set(fields)):
        raise Unusable(
            "a volume says where its voxels are",
            f"{name} lacks TransformMatrix or ElementSpacing",
            "Export it with its geometry.",
        )
