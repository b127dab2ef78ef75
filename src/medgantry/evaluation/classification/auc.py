"""Area under the ROC curve, its interval, and the difference of two models on the same cases.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); sums over patients as in Obuchowski, Biometrics 53
(1997); limits of macro averages and of differences as in `statistics.recovery`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.clusters import cluster_codes, cluster_sums
from medgantry.statistics.influence import influence_interval, influence_variance, satterthwaite
from medgantry.statistics.interval import Interval
from medgantry.statistics.recovery import recovered_limits
from medgantry.statistics.score import critical_value, score_limits

ROUNDING = 1e-12
"""An influence on an area below this is rounding."""
UNKNOWN = "unknown: one group on a side"
MACRO = "DeLong by group, logit, per class; recovered for the mean over classes"
DIFFERENCE = "DeLong by group, logit, per class; recovered for the paired difference"


def auc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Share of pairs (positive, negative) in which the positive scores higher; a tie counts one half.

    Returns:
        None when a side is empty.
    """
    if positive.all() or not positive.any():
        return None
    return float(_placements(scores[positive], scores[~positive]).mean())


def auc_interval(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], groups: Sequence[str]
) -> Interval | None:
    """AUC with its interval on the logit scale; t with Satterthwaite's degrees of freedom.

    Where no pair is out of order, or all scores tie, DeLong's variance is 0 and the limits are Wilson's, with the
    groups on the smaller side as sample size. With one group on a side they are [0, 1].

    Returns:
        None when a side is empty.
    """
    if positive.all() or not positive.any():
        return None
    return _one_class(positive, scores, groups)[0]


def auc_influence(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], codes: NDArray[np.intp]
) -> NDArray[np.float64]:
    """What each case contributes to the AUC: DeLong's structural components, centred and divided by the side's size.

    The squares of their sums by group add up to DeLong's variance where each group is one case: the correction
    k / (k - 1) for the k groups on a side is in them. A side of one group has no spread, and gets zeros.
    """
    influence = np.zeros(len(positive))
    for side, other, sign in ((positive, ~positive, 1.0), (~positive, positive, -1.0)):
        units = len(np.unique(codes[side]))
        if units > 1:
            placed = _placements(sign * scores[side], sign * scores[other])
            influence[side] = (placed - placed.mean()) / len(placed) * np.sqrt(units / (units - 1))
    return influence


def macro_auc_interval(
    reference: NDArray[np.int_], probabilities: NDArray[np.float64], groups: Sequence[str]
) -> Interval | None:
    """Mean over classes of one-vs-rest AUC; classes with no case or with every case are left out.

    Args:
        reference: Class of each case, from 0.
        probabilities: Array (cases, classes).
        groups: The independent unit of each case.

    Returns:
        None if the reference holds one class.
    """
    classes = _two_sided(reference, probabilities)
    return _macro(reference, probabilities, groups, classes).interval if classes else None


def macro_auc_difference(
    reference: NDArray[np.int_],
    candidate_probabilities: NDArray[np.float64],
    champion_probabilities: NDArray[np.float64],
    groups: Sequence[str],
) -> Interval | None:
    """Macro AUC of the candidate minus the champion's, on the same cases; [0, 0] for identical probabilities.

    Wider than DeLong's paired test where an AUC nears 1, since that test's variance then goes to 0.

    Returns:
        None if the reference holds one class.
    """
    classes = _two_sided(reference, candidate_probabilities)
    if not classes:
        return None
    candidate = _macro(reference, candidate_probabilities, groups, classes)
    champion = _macro(reference, champion_probabilities, groups, classes)
    estimate = candidate.interval.estimate - champion.interval.estimate
    if np.array_equal(candidate_probabilities, champion_probabilities):
        low, high, method = 0.0, 0.0, "identical scores"
    else:
        low, high = recovered_limits(
            (candidate.interval, champion.interval),
            (1.0, -1.0),
            np.stack([candidate.influence, champion.influence]),
        )
        method = DIFFERENCE
    return Interval(
        estimate=estimate,
        low=max(-1.0, min(low, estimate)),
        high=min(1.0, max(high, estimate)),
        n=len(reference),
        groups=candidate.interval.groups,
        method=method,
    )


@dataclass(frozen=True, kw_only=True)
class _Macro:
    interval: Interval
    influence: NDArray[np.float64]
    """One per group."""


def _placements(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of `lower` below each of `upper`, ties one half."""
    ordered = np.sort(lower)
    below, reached = np.searchsorted(ordered, upper, "left"), np.searchsorted(ordered, upper, "right")
    placed: NDArray[np.float64] = (below + reached) / (2 * len(lower))
    return placed


def _one_class(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], groups: Sequence[str]
) -> tuple[Interval, NDArray[np.float64]]:
    """The interval, and the influence summed by group."""
    codes = cluster_codes(groups)
    area = float(_placements(scores[positive], scores[~positive]).mean())
    influence = auc_influence(positive, scores, codes)
    units = [len(np.unique(codes[side])) for side in (positive, ~positive)]
    sums = cluster_sums(influence, codes)
    dofs = [max(count - 1, 1) for count in units]
    sides = [influence_variance(np.where(side, influence, 0.0), codes) for side in (positive, ~positive)]
    dof = satterthwaite(sides, dofs)
    if min(units) > 1 and 0 < area < 1 and sums.any():
        found = influence_interval(
            area, influence, groups, scale="logit", dof=dof, method="DeLong by group, logit, t"
        )
        return found, sums
    low, high, method = 0.0, 1.0, UNKNOWN
    if min(units) > 1:
        low, high = score_limits(area, min(units), critical_value(dof))
        method = "Wilson score of the smaller side"
    found = Interval(
        estimate=area, low=low, high=high, n=len(scores), groups=int(codes.max()) + 1, method=method
    )
    return found, sums


def _two_sided(reference: NDArray[np.int_], probabilities: NDArray[np.float64]) -> list[int]:
    present = np.bincount(reference, minlength=probabilities.shape[1])
    return [label for label, count in enumerate(present) if 0 < count < len(reference)]


def _macro(
    reference: NDArray[np.int_],
    probabilities: NDArray[np.float64],
    groups: Sequence[str],
    classes: Sequence[int],
) -> _Macro:
    found = [_one_class(reference == label, probabilities[:, label], groups) for label in classes]
    terms, influence = [interval for interval, _ in found], np.stack([sums for _, sums in found])
    joint = influence.mean(axis=0)
    # Influences that cancel in every group are an accident of few cases, and no certainty.
    cancelled = np.abs(joint).max() <= ROUNDING
    low, high = recovered_limits(
        terms, [1 / len(classes)] * len(classes), np.zeros_like(influence) if cancelled else influence
    )
    mean = float(np.mean([term.estimate for term in terms]))
    interval = Interval(
        estimate=mean,
        low=max(0.0, min(low, mean)),
        high=min(1.0, max(high, mean)),
        n=len(reference),
        groups=terms[0].groups,
        method=MACRO,
    )
    return _Macro(interval=interval, influence=joint)
