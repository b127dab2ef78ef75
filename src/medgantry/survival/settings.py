"""What a user may decide about a survival model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal, get_args

from medgantry.errors import InvalidInput
from medgantry.parameters import json_object

EstimatorName = Literal["cox", "boosted-cox", "boosted-aft"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of `train_survival`.

    Raises:
        InvalidInput: If one cannot be, with its name and what it may be.
    """

    estimator: EstimatorName = "cox"
    """`cox` (ridge), `boosted-cox` or `boosted-aft` (trees)."""
    origin: str = "the time of each subject's row"
    """From when time counts, in words: for the record and the reader."""
    known_until: str = ""
    """The milestone that has passed at the origin, such as `surgery`; empty: features from the start only."""
    folds: int = 5
    """Outer folds, by which models are judged."""
    repeats: int = 10
    """How often the outer folds are drawn anew."""
    inner_folds: int = 5
    """Folds within the training side, by which tuning is chosen."""
    kept: Sequence[int] = (1, 2)
    """Features of a modality that its model may keep: one of these is chosen."""
    penalties: Sequence[float] = (0.05, 0.2)
    """Of `cox`: weight of half the squared coefficients beside the mean log likelihood; one is chosen."""
    rounds: Sequence[int] = (20, 60)
    """Trees of the boosted estimators; one is chosen."""
    grid: Sequence[float] = ()
    """Days at which survival is predicted; empty: forty even steps over the follow-up."""

    def __post_init__(self) -> None:
        for sound, wanted, name in (
            (
                self.estimator in get_args(EstimatorName),
                f"one of {list(get_args(EstimatorName))}",
                "estimator",
            ),
            (
                isinstance(self.origin, str) and self.origin.strip(),
                "words that say from when time counts",
                "origin",
            ),
            (isinstance(self.known_until, str), "the name of a milestone", "known_until"),
            (_whole([self.folds], 2), "a whole number of at least 2", "folds"),
            (_whole([self.repeats], 1), "a whole number of at least 1", "repeats"),
            (_whole([self.inner_folds], 2), "a whole number of at least 2", "inner_folds"),
            (_whole(self.kept, 1), "whole numbers of at least 1", "kept"),
            (_positive(self.penalties), "numbers above 0", "penalties"),
            (_whole(self.rounds, 1), "whole numbers of at least 1", "rounds"),
            (not self.grid or _rising(self.grid), "rising days above 0", "grid"),
        ):
            if not sound:
                raise InvalidInput(f"The setting {name} must be {wanted}, found {getattr(self, name)!r}.")

    @classmethod
    def read(cls, text: str) -> "Settings":
        """From the JSON of a parameter; what it does not name keeps its default.

        Raises:
            InvalidInput: If it is no JSON object, or names what is no setting.
        """
        given: Mapping[str, Any] = json_object("settings", text)
        known = [each.name for each in fields(cls)]
        strange = sorted(set(given) - set(known))
        if strange:
            raise InvalidInput(f"settings has no {', '.join(strange)}; it has {', '.join(known)}.")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        return cls(**values)


def _whole(values: Any, least: int) -> bool:
    return _several(values) and all(type(value) is int and value >= least for value in values)


def _positive(values: Any) -> bool:
    return _several(values) and all(_number(value) and value > 0 for value in values)


def _rising(values: Any) -> bool:
    return _positive(values) and all(a < b for a, b in pairwise(values))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _several(values: Any) -> bool:
    return isinstance(values, list | tuple) and len(values) > 0
