"""What decides every byte of the cohort."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.phantoms.nsclc.hazard import HazardRatios
from medgantry.phantoms.nsclc.patient import is_amc

_FORMAT = 1  # raise it when the same settings no longer give the same bytes


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides every byte of the folder; `write_cohort` says what each means.

    Raises:
        InvalidInput: If the settings make no sense.
    """

    patients: int
    damaged: int
    seed: int
    hazard_ratios: HazardRatios = field(default_factory=HazardRatios)

    def __post_init__(self) -> None:
        if self.patients < 1 or not 0 <= self.damaged <= len(self.damageable) or self.seed < 0:
            raise InvalidInput(
                "Wanted at least one patient, 0 <= damaged <= the patients that are not AMC, and a seed of 0 or more, "
                f"found patients={self.patients}, damaged={self.damaged}, seed={self.seed}."
            )

    @property
    def damageable(self) -> Sequence[int]:
        """Numbers of the patients that have images and expression to lose."""
        return [number for number in range(1, self.patients + 1) if not is_amc(number)]

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {"phantom": "nsclc", "format": _FORMAT, **asdict(self)}
