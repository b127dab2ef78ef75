"""What decides every byte of a phantom."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from medgantry.errors import InvalidInput

Size = tuple[int, int, int]

DAMAGES = ("missing moving image", "empty mask", "moving image on another grid", "truncated fixed image")
SPACING_MM = 4.0
"""Of the voxels, along all axes."""

_FORMAT = 1  # raise it when the same settings no longer give the same bytes
_SMALLEST_SIDE = 32  # voxels; below it the breathing folds what is left of the lungs


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides every byte of the folder; `write_pairs` says what each means."""

    pairs: int
    damaged: int
    seed: int
    size: Size
    format: int = _FORMAT

    def __post_init__(self) -> None:
        if self.pairs < 1 or not 0 <= self.damaged <= self.pairs:
            raise InvalidInput(
                "Wanted at least one pair and 0 <= damaged <= pairs, "
                f"found pairs={self.pairs}, damaged={self.damaged}."
            )
        if self.seed < 0 or len(self.size) != 3 or min(self.size) < _SMALLEST_SIDE:
            raise InvalidInput(
                f"Wanted a seed of 0 or more and three sides of at least {_SMALLEST_SIDE} voxels, "
                f"found seed={self.seed}, size={self.size}."
            )

    def document(self) -> Mapping[str, Any]:
        """As they are written."""
        return {"phantom": "lung_pairs", **asdict(self)}

    def damage(self, number: int) -> str | None:
        """What is wrong with a pair, counted from 1; the last ones are damaged, cycling over DAMAGES."""
        position = number - (self.pairs - self.damaged) - 1
        return DAMAGES[position % len(DAMAGES)] if position >= 0 else None
