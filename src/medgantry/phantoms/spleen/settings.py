"""What decides every byte of a phantom."""

from dataclasses import asdict, dataclass
from typing import Any

from medgantry.errors import InvalidInput

Size = tuple[int, int, int]

_SMALLEST_SIDE = 24  # voxels; below it the smallest spleen shrinks to a few voxels
_FORMAT = 1  # raise it when the same settings no longer give the same bytes


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides every byte of the folder; `write_task` says what each means.

    Raises:
        InvalidInput: If the settings make no sense.
    """

    cases: int
    broken: int
    seed: int
    size: Size

    def __post_init__(self) -> None:
        if self.cases < 1 or not 0 <= self.broken <= self.cases:
            raise InvalidInput(
                "Wanted at least one case and 0 <= broken <= cases, "
                f"found cases={self.cases}, broken={self.broken}."
            )
        if self.seed < 0:
            raise InvalidInput(f"Wanted a seed of 0 or more, found {self.seed}.")
        if len(self.size) != 3 or min(self.size) < _SMALLEST_SIDE:
            raise InvalidInput(
                f"Wanted three sides of at least {_SMALLEST_SIDE} voxels, found {tuple(self.size)}."
            )

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"phantom": "spleen", "format": _FORMAT, **asdict(self)}
