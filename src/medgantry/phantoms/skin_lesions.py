"""A small synthetic stand-in for HAM10000: dermoscopic JPEGs in two folders and their table.

Names, columns, classes and the grouping of images by lesion are those of HAM10000; the pictures are made up.
A class is told by its colour together with its structure. Every JPEG carries planted names, places and
comments in its metadata, for a reader to leave behind.
"""

import argparse
import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from scipy.ndimage import gaussian_filter

from medgantry.errors import InvalidInput, Mismatch

Plane = NDArray[np.float64]
Size = tuple[int, int]

COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset")
DAMAGES = ("cut off", "missing", "a PNG inside", "unknown class", "listed twice")
PLANTED = ("Ada Planted", "Dr. Planted Owner", "planted remark", "planted comment", "planted xmp")
"""Texts in every JPEG's EXIF, comment and XMP; no reader may pass them on."""
PUBLISHED_LESIONS = {"nv": 5403, "mel": 614, "bkl": 727, "bcc": 327, "akiec": 228, "vasc": 98, "df": 73}
"""Lesions of each class in HAM10000 (counted in its table): nearly three quarters are naevi."""

_SETTINGS_FILE = "phantom.json"
_TABLE = "HAM10000_metadata.csv"
_FORMAT = 1  # raise it when the same settings no longer give the same pixels
_FIRST_ID = 24306  # of HAM10000's own images
_IMAGES_OF_A_LESION = (1, 1, 1, 2, 1, 1, 1, 3)
"""Cycled over: 0.25 of the lesions have several images, as in HAM10000."""
_TURNED_EVERY = 5
"""How often a picture is stored on its side, with an EXIF orientation that says so."""
_DX_TYPES = {"nv": ("follow_up", "histo"), "bkl": ("histo", "consensus", "confocal")}
_LOCALIZATIONS = ("back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "unknown")
_SOURCES = ("vidir_modern", "rosendahl", "vidir_molemax", "vienna_dias")


@dataclass(frozen=True)
class _Look:
    """How a class looks.

    Attributes:
        colour: Of the lesion, RGB from 0 to 1.
        structure: Colour of what is inside it.
        irregular: Amplitude of the border's waves, in radii.
        soft: Width of the border, in radii.
        draw: Strength of the structure at lesion coordinates u, v, where 1 is the border.
    """

    colour: tuple[float, float, float]
    structure: tuple[float, float, float]
    irregular: float
    soft: float
    draw: Callable[[np.random.Generator, Plane, Plane], Plane]


def _spots(count: int, radius: float) -> Callable[[np.random.Generator, Plane, Plane], Plane]:
    def draw(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
        middles = rng.uniform(-0.65, 0.65, size=(count, 2))
        strength: Plane = np.max(
            [np.exp(-((u - x) ** 2 + (v - y) ** 2) / radius**2) for x, y in middles], axis=0
        )
        return strength

    return draw


def _network(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    strength: Plane = 0.7 * np.abs(np.sin(rng.uniform(9, 11) * u) * np.sin(rng.uniform(9, 11) * v))
    return strength


def _vessels(rng: np.random.Generator, u: Plane, v: Plane) -> Plane:
    waves = [v - shift - 0.15 * np.sin(6 * u + rng.uniform(0, 6)) for shift in (-0.5, -0.1, 0.35)]
    strength: Plane = np.max([np.exp(-((wave / 0.06) ** 2)) for wave in waves], axis=0)
    return strength


def _scales(rng: np.random.Generator, u: Plane, _v: Plane) -> Plane:
    strength: Plane = (gaussian_filter(rng.normal(size=u.shape), 1.0) > 0.25).astype(np.float64)
    return strength


_LOOKS = {
    "nv": _Look((0.48, 0.30, 0.20), (0.33, 0.19, 0.12), 0.04, 0.10, _network),
    "mel": _Look((0.25, 0.16, 0.13), (0.36, 0.40, 0.52), 0.24, 0.06, _spots(2, 0.35)),
    "bkl": _Look((0.62, 0.45, 0.30), (0.95, 0.88, 0.70), 0.10, 0.03, _spots(14, 0.07)),
    "bcc": _Look((0.82, 0.60, 0.56), (0.62, 0.12, 0.14), 0.08, 0.15, _vessels),
    "akiec": _Look((0.78, 0.42, 0.36), (0.96, 0.90, 0.84), 0.15, 0.20, _scales),
    "vasc": _Look((0.70, 0.22, 0.26), (0.38, 0.06, 0.20), 0.06, 0.05, _spots(7, 0.20)),
    "df": _Look((0.66, 0.47, 0.36), (0.97, 0.91, 0.86), 0.05, 0.18, _spots(1, 0.40)),
}
CLASSES = tuple(_LOOKS)


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What decides every byte of the folder."""

    images: int
    damaged: int
    seed: int
    size: Size
    published: bool
    format: int = _FORMAT

    def __post_init__(self) -> None:
        if self.images < 1 or not 0 <= self.damaged <= self.images:
            raise InvalidInput(
                "Wanted at least one image and 0 <= damaged <= images, "
                f"found images={self.images}, damaged={self.damaged}."
            )
        if self.seed < 0 or min(self.size) < 16:
            raise InvalidInput(
                "Wanted a seed of 0 or more and at least 16 rows and columns, "
                f"found seed={self.seed}, size={self.size}."
            )


def write_photos(
    folder: Path,
    *,
    images: int = 70,
    damaged: int = 0,
    seed: int = 0,
    size: Size = (90, 120),
    published: bool = False,
) -> None:
    """Write a folder like HAM10000's; do nothing when it already holds the one these settings describe.

    Args:
        folder: The folder; it is made when it does not exist.
        images: Images listed, the damaged ones included.
        damaged: How many at the end of the list are damaged, cycling over DAMAGES.
        seed: An image depends on the seed and its lesion, not on how many images there are.
        size: Rows and columns.
        published: Draw classes as often as HAM10000 has them; else they take turns.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds something else.
    """
    settings = _Settings(images=images, damaged=damaged, seed=seed, size=size, published=published)
    if _is_written(folder, settings):
        return
    for part in (1, 2):
        (folder / f"HAM10000_images_part_{part}").mkdir(parents=True, exist_ok=True)
    # The settings go first and the table last: what an interrupted run left is ours, and incomplete.
    (folder / _SETTINGS_FILE).write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")
    rows: list[dict[str, str]] = []
    for number, row in enumerate(_rows(settings)):
        position = number - (images - damaged)
        damage = DAMAGES[position % len(DAMAGES)] if position >= 0 else ""
        part = 1 if number < images / 2 else 2
        path = folder / f"HAM10000_images_part_{part}" / f"{row['image_id']}.jpg"
        pixels = _draw(settings, row["dx"], row["lesion_id"], number)
        _write_image(path, pixels, damage, turned=number % _TURNED_EVERY == _TURNED_EVERY - 1)
        if damage == "unknown class":
            row["dx"] = "??"
        rows += [row, row] if damage == "listed twice" else [row]
    with (folder / _TABLE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _is_written(folder: Path, settings: _Settings) -> bool:
    """Tell whether the folder holds exactly these images, complete; raise Mismatch if it holds others."""
    settings_file = folder / _SETTINGS_FILE
    remedy = "Choose another folder, or remove this one."
    if settings_file.exists():
        found, wanted = json.loads(settings_file.read_text(encoding="utf-8")), _as_json(settings)
        if found != wanted:
            raise Mismatch(f"{folder} holds a phantom made with {found}, wanted {wanted}.", remedy)
        return (folder / _TABLE).exists()
    if (folder / _TABLE).exists():
        raise Mismatch(f"{folder} holds a data set that is not a phantom (no {_SETTINGS_FILE}).", remedy)
    return False


def _as_json(settings: _Settings) -> Mapping[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return value


def _rows(settings: _Settings) -> Sequence[dict[str, str]]:
    """The table's lines before any damage, an image's lesion beside it."""
    rows: list[dict[str, str]] = []
    lesion = 0
    while len(rows) < settings.images:
        rng = _generator(settings.seed, lesion)
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


def _generator(*numbers: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(numbers)))


def _draw(settings: _Settings, name: str, lesion_id: str, number: int) -> NDArray[np.uint8]:
    """One image (rows, columns, RGB): the lesion as its own generator draws it, seen anew each time."""
    lesion = _generator(settings.seed, int(lesion_id.removeprefix("HAM_")), 1)
    view = _generator(settings.seed, number, 2)
    look = _LOOKS[name]
    tone = np.array([0.90, 0.70, 0.60]) * lesion.uniform(0.75, 1.05)
    colour = np.array(look.colour) * lesion.uniform(0.9, 1.1)
    waves = [(order, lesion.uniform(-1, 1), lesion.uniform(0, 6.3)) for order in range(2, 6)]
    u, v = _lesion_coordinates(settings.size, view, radius=lesion.uniform(0.5, 0.75))
    angle = np.arctan2(v, u)
    border = 1 + look.irregular * sum(
        height * np.cos(order * angle + phase) for order, height, phase in waves
    )
    inside = 1 / (1 + np.exp((np.hypot(u, v) - border) / (0.4 * look.soft)))
    strength = np.clip(look.draw(lesion, u, v), 0, 1)[..., None]
    body = colour * (1 - strength) + np.array(look.structure) * strength
    picture = tone * (1 - inside[..., None]) + body * inside[..., None]
    shade = 1 + 0.05 * gaussian_filter(view.normal(size=settings.size), 6) * 12
    picture = _with_hairs(picture * shade[..., None], view) * view.uniform(0.9, 1.08)
    picture = picture + view.normal(0, 0.012, size=picture.shape)
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _lesion_coordinates(size: Size, view: np.random.Generator, radius: float) -> tuple[Plane, Plane]:
    """Each pixel's place in the lesion, 1 being its radius; the view turns, shifts and zooms."""
    half = min(size) / 2
    rows, columns = np.indices(size, dtype=np.float64)
    y, x = (rows - size[0] / 2) / half, (columns - size[1] / 2) / half
    y, x = y - view.uniform(-0.15, 0.15), x - view.uniform(-0.15, 0.15)
    turn, scale = view.uniform(0, 2 * np.pi), radius * view.uniform(0.85, 1.15)
    u = (x * np.cos(turn) + y * np.sin(turn)) / scale
    return u, (y * np.cos(turn) - x * np.sin(turn)) / scale


def _with_hairs(picture: Plane, view: np.random.Generator) -> Plane:
    rows, columns = np.indices(picture.shape[:2], dtype=np.float64)
    for _ in range(int(view.integers(0, 4))):
        turn, shift = view.uniform(0, np.pi), view.uniform(-20, 20)
        across = (rows - picture.shape[0] / 2) * np.cos(turn) - (columns - picture.shape[1] / 2) * np.sin(
            turn
        )
        picture = np.where((np.abs(across - shift) < 0.7)[..., None], 0.18, picture)
    return picture


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a folder from the command line.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.skin_lesions",
        description="Write synthetic dermoscopic images in the layout of HAM10000.",
    )
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--images", type=int, default=70, help="images listed, the damaged ones included")
    parser.add_argument("--damaged", type=int, default=0, help="how many of the last images are damaged")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same pictures")
    parser.add_argument("--size", type=int, nargs=2, default=(90, 120), help="rows and columns")
    parser.add_argument("--published", action="store_true", help="classes as often as HAM10000 has them")
    given = parser.parse_args(arguments)
    try:
        write_photos(
            given.folder,
            images=given.images,
            damaged=given.damaged,
            seed=given.seed,
            size=(given.size[0], given.size[1]),
            published=given.published,
        )
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
