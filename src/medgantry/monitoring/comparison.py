"""One thing held beside its reference: a number, a category, or the class answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.arrays import Floats
from medgantry.statistics.two_samples import (
    same_numbers,
    same_shares,
    total_variation,
    wasserstein_in_deviations,
)

MISSING = -np.inf
"""A value that an input lacks counts as below all others, so that what ceases to arrive is seen."""
NO_CATEGORY = "missing"
"""The same for a category; one that is declared by this name says the same."""
_SHOWN = {"low": 0.05, "estimate": 0.5, "high": 0.95}


class Comparison(Protocol):
    """Both sides of one thing."""

    test: ClassVar[str]

    @property
    def name(self) -> str:
        """What is compared."""

    def sizes(self) -> tuple[int, int]:
        """How many values the reference and the requests have."""

    def p_value(self, draws: int) -> float:
        """Of the test that both sides come from one distribution."""

    def effect(self) -> float | None:
        """How far they are apart; None where there is no measure for it."""

    def described(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The reference's and the requests' values in a few numbers."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A number of inputs or answers."""

    test: ClassVar[str] = "Kolmogorov-Smirnov"
    name: str
    reference: Floats
    requests: Floats

    def sizes(self) -> tuple[int, int]:
        """Missing ones counted."""
        return len(self.reference), len(self.requests)

    def p_value(self, draws: int) -> float:
        """Of the Kolmogorov-Smirnov test."""
        return same_numbers(self.reference, self.requests, draws)

    def effect(self) -> float | None:
        """Wasserstein distance in standard deviations of the reference; missing values are left out."""
        return wasserstein_in_deviations(_present(self.reference), _present(self.requests))

    def described(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """`low`, `estimate`, `high`: the quantiles at 5, 50 and 95 %; `missing`: a share."""
        return _spread(self.reference), _spread(self.requests)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The class answered, or a category of inputs."""

    test: ClassVar[str] = "chi-square"
    name: str
    reference: NDArray[np.str_]
    requests: NDArray[np.str_]

    def sizes(self) -> tuple[int, int]:
        """Missing categories counted."""
        return len(self.reference), len(self.requests)

    def p_value(self, draws: int) -> float:
        """Of the chi-square test."""
        return same_shares(self.reference, self.requests, draws)

    def effect(self) -> float | None:
        """Total variation distance: Wasserstein's where all classes are equally far apart."""
        return total_variation(self.reference, self.requests)

    def described(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The share of each class."""
        return _shares(self.reference), _shares(self.requests)


def _present(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _spread(values: Floats) -> dict[str, float]:
    present = _present(values)
    found = {name: float(np.quantile(present, at)) for name, at in _SHOWN.items()} if len(present) else {}
    return found | {"missing": 1 - len(present) / len(values)}


def _shares(answers: NDArray[np.str_]) -> dict[str, float]:
    names, counts = np.unique(answers, return_counts=True)
    return {str(name): float(count) / len(answers) for name, count in zip(names, counts, strict=True)}
