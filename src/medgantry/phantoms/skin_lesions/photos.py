"""Writing the pictures, their table and their masks."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from medgantry.errors import InvalidInput
from medgantry.phantoms.skin_lesions.drawing import CLASSES, draw_mask, draw_photo, generator
from medgantry.phantoms.skin_lesions.settings import Settings, Size
from medgantry.phantoms.written import is_written, write_settings

COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset")
DAMAGES = ("cut off", "missing", "a PNG inside", "unknown class", "listed twice")
PLANTED = ("Ada Planted", "Dr. Planted Owner", "planted remark", "planted comment", "planted xmp")
"""Texts in every JPEG's EXIF, comment and XMP; no reader may pass them on."""
PUBLISHED_LESIONS = {"nv": 5403, "mel": 614, "bkl": 727, "bcc": 327, "akiec": 228, "vasc": 98, "df": 73}
"""Lesions of each class in HAM10000 (counted in its table): nearly three quarters are naevi."""

_TABLE = "HAM10000_metadata.csv"
_FIRST_ID = 24306  # of HAM10000's own images
_IMAGES_OF_A_LESION = (1, 1, 1, 2, 1, 1, 1, 3)
"""Cycled over: 0.25 of the lesions have several images, as in HAM10000."""
_TURNED_EVERY = 5
"""How often a picture is stored on its side, with an EXIF orientation that says so."""
_DX_TYPES = {"nv": ("follow_up", "histo"), "bkl": ("histo", "consensus", "confocal")}
_LOCALIZATIONS = ("back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "unknown")
_SOURCES = ("vidir_modern", "rosendahl", "vidir_molemax", "vienna_dias")


def write_photos(
    folder: Path,
    *,
    images: int = 70,
    damaged: int = 0,
    seed: int = 0,
    size: Size = (90, 120),
    published: bool = False,
    spread: float = 0.15,
    radius: float = 1.0,
    masks: Path | None = None,
) -> None:
    """Write a folder like HAM10000's; do nothing when it already holds the one these settings describe.

    Args:
        folder: The folder; it is made when it does not exist.
        images: Images listed, the damaged ones included.
        damaged: How many at the end of the list are damaged, cycling over DAMAGES.
        seed: An image depends on the seed and its lesion, not on how many images there are.
        size: Rows and columns.
        published: Draw classes as often as HAM10000 has them; else they take turns.
        spread: How far lesions lie from the middle at most, down and across, in halves of the shorter side.
        radius: Times how large lesions are drawn.
        masks: Another folder, for `<image_id>_segmentation.png` of every image listed: 255 in the lesion,
            else 0, upright as a viewer shows the image, whatever its EXIF orientation.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: A folder holds something else.
    """
    settings = Settings(
        images=images,
        damaged=damaged,
        seed=seed,
        size=size,
        published=published,
        spread=spread,
        radius=radius,
    )
    if masks is not None and masks.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(
            f"Masks must lie outside of {folder}, where every image is taken for a photo: {masks}."
        )
    if not is_written(folder, settings.document(), folder / _TABLE):
        _write_folder(folder, settings)
    if masks is not None:
        _write_masks(masks, settings)


def _write_folder(folder: Path, settings: Settings) -> None:
    write_settings(folder, settings.document())
    for part in (1, 2):
        (folder / f"HAM10000_images_part_{part}").mkdir(exist_ok=True)
    rows: list[dict[str, str]] = []
    for number, row in enumerate(_rows(settings)):
        position = number - (settings.images - settings.damaged)
        damage = DAMAGES[position % len(DAMAGES)] if position >= 0 else ""
        part = 1 if number < settings.images / 2 else 2
        path = folder / f"HAM10000_images_part_{part}" / f"{row['image_id']}.jpg"
        pixels = draw_photo(settings, row["dx"], row["lesion_id"], number)
        _write_image(path, pixels, damage, turned=number % _TURNED_EVERY == _TURNED_EVERY - 1)
        if damage == "unknown class":
            row["dx"] = "??"
        rows += [row, row] if damage == "listed twice" else [row]
    with (folder / _TABLE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _write_masks(folder: Path, settings: Settings) -> None:
    rows = _rows(settings)
    names = [f"{row['image_id']}_segmentation.png" for row in rows]
    if is_written(folder, settings.document(), folder / names[-1]):
        return
    write_settings(folder, settings.document())
    for number, (name, row) in enumerate(zip(names, rows, strict=True)):
        mask = draw_mask(settings, row["dx"], row["lesion_id"], number)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / name)


def _rows(settings: Settings) -> Sequence[dict[str, str]]:
    """The table's lines before any damage, an image's lesion beside it."""
    rows: list[dict[str, str]] = []
    lesion = 0
    while len(rows) < settings.images:
        rng = generator(settings.seed, lesion)
        share = np.array([PUBLISHED_LESIONS[name] for name in CLASSES], dtype=np.float64)
        drawn = str(rng.choice(CLASSES, p=share / share.sum()))
        name = drawn if settings.published else CLASSES[lesion % len(CLASSES)]
        facts = {
            "lesion_id": f"HAM_{lesion:07d}",
            "dx": name,
            "dx_type": str(rng.choice(_DX_TYPES.get(name, ("histo",)))),
            "age": str(rng.choice(["", "0", *(str(5 * age) for age in range(4, 17))])),
            "sex": str(rng.choice(["male", "female", "unknown"], p=[0.54, 0.455, 0.005])),
            "localization": str(rng.choice(_LOCALIZATIONS)),
            "dataset": str(rng.choice(_SOURCES)),
        }
        for _ in range(_IMAGES_OF_A_LESION[lesion % len(_IMAGES_OF_A_LESION)]):
            rows.append({**facts, "image_id": f"ISIC_{_FIRST_ID + len(rows):07d}"})
        lesion += 1
    return rows[: settings.images]


def _write_image(path: Path, pixels: NDArray[np.uint8], damage: str, *, turned: bool) -> None:
    if damage == "missing":
        path.unlink(missing_ok=True)
        return
    image = Image.fromarray(np.rot90(pixels) if turned else pixels)
    content = io.BytesIO()
    if damage == "a PNG inside":
        image.save(content, "PNG")
    else:
        image.save(
            content,
            "JPEG",
            quality=90,
            exif=_planted_exif(turned),
            comment=PLANTED[3].encode(),
            xmp=f"<x:xmpmeta><dc:creator>{PLANTED[4]}</dc:creator></x:xmpmeta>".encode(),
        )
    data = content.getvalue()
    path.write_bytes(data[: len(data) * 9 // 10] if damage == "cut off" else data)


def _planted_exif(turned: bool) -> bytes:
    """Names, a remark and a place, as a camera or a telephone writes them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = PLANTED[0]
    exif[ExifTags.Base.DateTime] = "2001:02:03 04:05:06"
    if turned:
        exif[ExifTags.Base.Orientation] = 6  # a viewer turns it clockwise
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.CameraOwnerName] = PLANTED[1]
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0" + PLANTED[2].encode()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSLatitudeRef: "N",
            ExifTags.GPS.GPSLatitude: (48.0, 12.0, 30.0),
            ExifTags.GPS.GPSLongitudeRef: "E",
            ExifTags.GPS.GPSLongitude: (16.0, 22.0, 15.0),
        }
    )
    return exif.tobytes()
