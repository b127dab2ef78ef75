"""How a lesion of each class looks, and the picture and the mask of one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medgantry.phantoms.skin_lesions.settings import RADII, ZOOMS, Settings

Plane = NDArray[np.float64]


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


def generator(*numbers: int) -> np.random.Generator:
    """Random numbers that depend on these alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(numbers)))


@dataclass(frozen=True)
class _Lesion:
    """A lesion in a picture; its generators go on where its place and border ended.

    Attributes:
        lesion: Generator of what all pictures of the lesion share.
        view: Generator of what is this picture's own.
        tone: Of the skin, RGB from 0 to 1.
        colour: Of the lesion, likewise.
        u: Each pixel's place in the lesion, 1 being its radius.
        v: Likewise, at right angles to it.
        inside: From 0 (skin) to 1 (lesion), 0.5 at the border.
    """

    lesion: np.random.Generator
    view: np.random.Generator
    tone: Plane
    colour: Plane
    u: Plane
    v: Plane
    inside: Plane


def _lesion(settings: Settings, name: str, lesion_id: str, number: int) -> _Lesion:
    """The lesion as its own generator draws it, seen anew in each picture."""
    lesion = generator(settings.seed, int(lesion_id.removeprefix("HAM_")), 1)
    view = generator(settings.seed, number, 2)
    look = _LOOKS[name]
    tone = np.array([0.90, 0.70, 0.60]) * lesion.uniform(0.75, 1.05)
    colour = np.array(look.colour) * lesion.uniform(0.9, 1.1)
    waves = [(order, lesion.uniform(-1, 1), lesion.uniform(0, 6.3)) for order in range(2, 6)]
    u, v = _lesion_coordinates(settings, view, radius=settings.radius * lesion.uniform(*RADII))
    angle = np.arctan2(v, u)
    border = 1 + look.irregular * sum(
        height * np.cos(order * angle + phase) for order, height, phase in waves
    )
    # Far from a small lesion the exponential would overflow.
    inside = 1 / (1 + np.exp(np.minimum((np.hypot(u, v) - border) / (0.4 * look.soft), 700)))
    return _Lesion(lesion, view, tone, colour, u, v, inside)


def draw_mask(settings: Settings, name: str, lesion_id: str, number: int) -> NDArray[np.bool_]:
    """Where the lesion of the image with these arguments is (rows, columns)."""
    return _lesion(settings, name, lesion_id, number).inside > 0.5


def draw_photo(settings: Settings, name: str, lesion_id: str, number: int) -> NDArray[np.uint8]:
    """One image (rows, columns, RGB).

    Args:
        settings: Size, seed, and how lesions are placed.
        name: The lesion's class.
        lesion_id: As the table has it.
        number: The image's place in the table.
    """
    drawn, look = _lesion(settings, name, lesion_id, number), _LOOKS[name]
    view, inside = drawn.view, drawn.inside[..., None]
    strength = np.clip(look.draw(drawn.lesion, drawn.u, drawn.v), 0, 1)[..., None]
    body = drawn.colour * (1 - strength) + np.array(look.structure) * strength
    picture = drawn.tone * (1 - inside) + body * inside
    shade = 1 + 0.05 * gaussian_filter(view.normal(size=settings.size), 6) * 12
    picture = _with_hairs(picture * shade[..., None], view) * view.uniform(0.9, 1.08)
    picture = picture + view.normal(0, 0.012, size=picture.shape)
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _lesion_coordinates(settings: Settings, view: np.random.Generator, radius: float) -> tuple[Plane, Plane]:
    """Each pixel's place in the lesion, 1 being its radius; the view turns, shifts and zooms."""
    size, spread = settings.size, settings.spread
    half = min(size) / 2
    rows, columns = np.indices(size, dtype=np.float64)
    y, x = (rows - size[0] / 2) / half, (columns - size[1] / 2) / half
    y, x = y - view.uniform(-spread, spread), x - view.uniform(-spread, spread)
    turn, scale = view.uniform(0, 2 * np.pi), radius * view.uniform(*ZOOMS)
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
