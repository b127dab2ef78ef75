"""What decides every byte of a phantom, and whether a folder holds it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medgantry.errors import InvalidInput, Mismatch

Size = tuple[int, int]

RADII = (0.5, 0.75)
"""Least and greatest lesion, in halves of the picture's shorter side."""
ZOOMS = (0.85, 1.15)
"""Least and greatest magnification of one picture of a lesion."""

_SETTINGS_FILE = "phantom.json"
_FORMAT = 1  # raise it when the same settings no longer give the same pixels


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides every byte of the folder; `write_photos` says what each means."""

    images: int
    damaged: int
    seed: int
    size: Size
    published: bool
    spread: float = 0.15
    radius: float = 1.0
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
        pixels = self.radius * RADII[0] * ZOOMS[0] * min(self.size) / 2
        if not (0 <= self.spread <= 1 and self.radius <= 1.5 and pixels >= 2):
            raise InvalidInput(
                "Wanted 0 <= spread <= 1 and a radius up to 1.5 that leaves lesions 2 pixels, "
                f"found spread={self.spread}, radius={self.radius}, size={self.size}."
            )


def write_settings(folder: Path, settings: Settings) -> None:
    """Say in the folder what it holds."""
    (folder / _SETTINGS_FILE).write_text(json.dumps(_as_json(settings)) + "\n", encoding="utf-8")


def is_written(folder: Path, settings: Settings, last: Path) -> bool:
    """Tell whether the folder holds exactly these images, the last file included.

    Raises:
        Mismatch: It holds something else.
    """
    settings_file = folder / _SETTINGS_FILE
    remedy = "Choose another folder, or remove this one."
    if settings_file.exists():
        found, wanted = json.loads(settings_file.read_text(encoding="utf-8")), _as_json(settings)
        if found != wanted:
            raise Mismatch(f"{folder} holds a phantom made with {found}, wanted {wanted}.", remedy)
        return last.exists()
    if last.exists():
        raise Mismatch(f"{folder} holds a data set that is not a phantom (no {_SETTINGS_FILE}).", remedy)
    return False


def _as_json(settings: Settings) -> Mapping[str, Any]:
    """The settings as they are written; those that came later only where they are not the default."""
    value: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    later = {name: value.pop(name) for name in ("spread", "radius")}
    return value | {name: given for name, given in later.items() if given != getattr(Settings, name)}
