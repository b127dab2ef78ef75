"""One photo, decoded to its last pixel and left with nothing but pixels."""

import io
import struct
import warnings
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from medgantry.ingest.photos.colour import Notes, to_srgb
from medgantry.ingest.photos.places import SUFFIXES
from medgantry.ledger import Unusable

MAX_PIXELS = 80_000_000
"""Of one image, unpacked: 240 MB. A small file can promise far more."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> how the stored pixels are turned."""
_ORIENTATION = 0x0112
_PNG_END = b"IEND\xaeB`\x82"
_METADATA = {
    "exif": "EXIF",
    "xmp": "XMP",
    "XML:com.adobe.xmp": "XMP",
    "comment": "comment",
    "photoshop": "Photoshop",
    "icc_profile": "ICC",
}
"""Key of Pillow's `info` -> what the ledger calls it; contents are never written anywhere."""
_TIFF_TEXTS = {270, 271, 272, 285, 305, 306, 315, 316, 700, 33432, 33723, 34377, 34665, 34853}


def read_photo(name: str, data: bytes) -> tuple[NDArray[np.uint8], Notes]:
    """Decode an image.

    Args:
        name: The file's name, for its suffix and for evidence.
        data: The file.

    Returns:
        Pixels (rows, columns, 3), sRGB, upright; and what was done.

    Raises:
        Unusable: If the file is damaged, not what its suffix says, has several pictures or shows nothing.
    """
    wanted = SUFFIXES[PurePosixPath(name).suffix.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a truncated tag is a warning, then an error or no loss
            return _decode(name, data, wanted)
    except Unusable:
        raise
    except Exception as error:  # decoders raise many kinds for damaged files
        reason = str(error).split("<_io")[0].strip() or type(error).__name__
        raise Unusable(
            f"the {wanted} decodes to its last pixel", f"{name}: {reason}", "Copy or export the image again."
        ) from error


def _decode(name: str, data: bytes, wanted: str) -> tuple[NDArray[np.uint8], Notes]:
    notes = Notes()
    with _opened(name, data, wanted) as image:
        frames = int(getattr(image, "n_frames", 1))
        if image.format == "MPO":
            notes.done.append(f"first of {frames} pictures")
        elif frames != 1:
            raise Unusable(
                "a file holds one picture", f"{name} holds {frames}", "Save each picture as its own file."
            )
        if ";16" in str(getattr(image, "tile", "")) and not image.mode.startswith("I;16"):
            notes.done.append("16 bits to 8")
        image.load()  # what stands after the pixels is known only now
        removed = _metadata(image)
        upright = _upright(image, notes)
        pixels = np.asarray(to_srgb(upright, notes))
    if removed:
        notes.done.append(f"removed: {', '.join(removed)}")
    if (pixels == pixels[0, 0]).all():
        raise Unusable(
            "a photo shows something",
            f"{name} is all one colour, {pixels[0, 0].tolist()}",
            "Export it again, or take it from the table.",
        )
    return pixels, notes


def _opened(name: str, data: bytes, wanted: str) -> Image.Image:
    """The image, its header read, of the kind its suffix says and of a size that can be decoded."""
    try:
        image = Image.open(io.BytesIO(data), formats=sorted(set(SUFFIXES.values())))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        if isinstance(error, Image.DecompressionBombError):
            raise _too_large(name, "far more") from error
        raise Unusable(
            "the content is what the suffix says",
            f"{name} holds no {wanted}, and no other kind that is read",
            "Export the image again.",
        ) from error
    found = {"MPO": "JPEG"}.get(image.format or "", image.format)
    if found != wanted:
        raise Unusable(
            "the content is what the suffix says", f"{name} holds {found}", "Give the file its own suffix."
        )
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{image.width} x {image.height}")
    if wanted == "PNG":  # decoding looks at no checksum, and stops before the file's end
        if _PNG_END not in data:
            raise EOFError("the file ends before its last chunk")
        Image.open(io.BytesIO(data), formats=["PNG"]).verify()
    return image


def _too_large(name: str, found: str) -> Unusable:
    return Unusable(
        "an image fits into memory",
        f"{name} has {found} pixels, {MAX_PIXELS} are allowed",
        "Save a smaller copy.",
    )


def _upright(image: Image.Image, notes: Notes) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except (SyntaxError, struct.error, OSError, ValueError, KeyError, TypeError, IndexError):
        notes.repaired.append("the EXIF is damaged; taken as upright")
        return image
    if orientation not in _UPRIGHT:
        return image
    notes.done.append(f"turned by EXIF orientation {orientation}")
    return image.transpose(_UPRIGHT[orientation])


def _metadata(image: Image.Image) -> list[str]:
    """Kinds of metadata in the file, none of which is kept."""
    kinds = {kind for key, kind in _METADATA.items() if image.info.get(key)}
    if getattr(image, "text", None):
        kinds.add("text")
    if _TIFF_TEXTS & set(getattr(image, "tag_v2", ())):
        kinds.add("TIFF tags")
    return sorted(kinds)
