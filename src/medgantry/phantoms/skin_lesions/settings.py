"""What decides every byte of a phantom."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from medgantry.errors import InvalidInput

Size = tuple[int, int]

RADII = (0.5, 0.75)
"""Least and greatest lesion, in halves of the picture's shorter side."""
ZOOMS = (0.85, 1.15)
"""Least and greatest magnification of one picture of a lesion."""

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

    def document(self) -> Mapping[str, Any]:
        """As they are written; those that came later only where they are not the default."""
        value: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        later = {name: value.pop(name) for name in ("spread", "radius")}
        return value | {name: given for name, given in later.items() if given != getattr(Settings, name)}
