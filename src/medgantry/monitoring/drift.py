"""Whether a window of requests still looks like the training data.

Each number of an input or an answer is compared by the two-sample Kolmogorov-Smirnov test, categories and the classes
answered by chi-square, both by permutation where values are few; Holm's correction keeps the chance of any false alarm
of a window at 5 % at most, however the numbers hang together. That univariate tests with such a correction find shifts
as well as multivariate ones do is shown by Rabanser, Günnemann and Lipton, Failing Loudly, NeurIPS 2019.

How far a number moved is the Wasserstein distance in standard deviations of the reference, and the total variation
distance of classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.monitoring.comparison import MISSING, NO_CATEGORY, Classes, Comparison, Numbers
from medgantry.monitoring.observation import Observation
from medgantry.statistics.arrays import Floats
from medgantry.statistics.holm import holm

LEVEL = 0.05
"""Chance of any false alarm of a window."""
LEAST = 20
"""Cases of the reference, and requests, below which nothing is judged."""
CLASS = "class answered"
_DRAWS = 9_999

Rows = Sequence[Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """One comparison's result."""

    name: str
    test: str
    p: float
    adjusted: float
    """By Holm, over all that was tested."""
    effect: float | None
    reference: Mapping[str, float]
    """As `Comparison.described` says it."""
    requests: Mapping[str, float]

    @property
    def drifted(self) -> bool:
        """Whether the two sides differ by more than chance."""
        return self.adjusted <= LEVEL


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What became of a window."""

    features: Sequence[FeatureDrift]
    """What was tested, the clearest first."""
    untested: Mapping[str, str] = field(default_factory=dict)
    """Name -> why it was not."""

    @property
    def judged(self) -> bool:
        """Whether anything could be tested."""
        return bool(self.features)

    @property
    def drifted(self) -> list[FeatureDrift]:
        """What changed, the clearest first."""
        return [feature for feature in self.features if feature.drifted]

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "judged": self.judged,
            "drifted": [feature.name for feature in self.drifted],
            "level": LEVEL,
            **asdict(self),
        }


def find_drift(reference: Sequence[Observation], requests: Sequence[Observation]) -> Drift:
    """Compare requests with the reference.

    Args:
        reference: Independent cases.
        requests: Independent requests.

    Returns:
        Whatever both sides have `LEAST` times, with its test; the others with the reason.
    """
    compared = [*_inputs(reference, requests), *_outputs(reference, requests)]
    tested = [one for one in compared if min(one.sizes()) >= LEAST]
    untested = {
        one.name: "{} in the reference, {} in the requests; {} are needed".format(*one.sizes(), LEAST)
        for one in compared
        if min(one.sizes()) < LEAST
    }
    # The least p-value of a permutation test must be within reach of Holm's first step.
    draws = max(_DRAWS, round(2 * len(tested) / LEVEL))
    p_values = [one.p_value(draws) for one in tested]
    features = []
    for one, p, adjusted in zip(tested, p_values, holm(p_values), strict=True):
        before, now = one.described()
        features.append(
            FeatureDrift(
                name=one.name,
                test=one.test,
                p=p,
                adjusted=adjusted,
                effect=one.effect(),
                reference=before,
                requests=now,
            )
        )
    return Drift(
        features=sorted(features, key=lambda f: (f.adjusted, -(f.effect or 0), f.name)), untested=untested
    )


def _inputs(reference: Sequence[Observation], requests: Sequence[Observation]) -> Iterable[Comparison]:
    """Every number and category of any input; one that lacks what the reference knows counts."""
    before, now = ([one for one in side if one.known] for side in (reference, requests))
    numbers: tuple[Rows, Rows] = [one.inputs for one in before], [one.inputs for one in now]
    for name in _names(numbers[0]):
        yield Numbers(name=name, reference=_all(numbers[0], name), requests=_all(numbers[1], name))
    for name in _new(*numbers):
        yield Numbers(name=name, reference=np.empty(0), requests=_there(numbers[1], name))
    categories = [one.categories for one in before], [one.categories for one in now]
    for name in _names(categories[0]):
        yield Classes(
            name=name, reference=_labels(categories[0], name), requests=_labels(categories[1], name)
        )
    for name in _new(*categories):
        there = [row for row in categories[1] if name in row]
        yield Classes(name=name, reference=np.empty(0, dtype=np.str_), requests=_labels(there, name))


def _outputs(reference: Sequence[Observation], requests: Sequence[Observation]) -> Iterable[Comparison]:
    """What requests are answered with; who got no answer does not count."""
    before: Rows = [one.outputs for one in reference]
    now: Rows = [one.outputs for one in requests]
    for name in _names(now):
        yield Numbers(name=name, reference=_there(before, name), requests=_there(now, name))
    answers = [np.array([one.answer for one in side if one.answer]) for side in (reference, requests)]
    if all(len(side) for side in answers):
        yield Classes(name=CLASS, reference=answers[0], requests=answers[1])


def _names(rows: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _new(before: Sequence[Mapping[str, object]], now: Sequence[Mapping[str, object]]) -> list[str]:
    known = set(_names(before))
    return [name for name in _names(now) if name not in known]


def _all(rows: Rows, name: str) -> Floats:
    return np.array([row.get(name, MISSING) for row in rows], dtype=np.float64)


def _there(rows: Rows, name: str) -> Floats:
    return np.array([row[name] for row in rows if name in row], dtype=np.float64)


def _labels(rows: Sequence[Mapping[str, str]], name: str) -> NDArray[np.str_]:
    return np.array([row.get(name, NO_CATEGORY) for row in rows])
