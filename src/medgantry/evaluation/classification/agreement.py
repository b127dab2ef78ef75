"""How often the predicted class is the reference's.

Source: Brodersen et al., The balanced accuracy and its posterior distribution, ICPR (2010).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medgantry.statistics.clusters import cluster_codes
from medgantry.statistics.influence import influence_variance, satterthwaite
from medgantry.statistics.interval import Interval
from medgantry.statistics.mean import UNKNOWN, clustered_mean
from medgantry.statistics.score import critical_value, effective_size, score_limits


def confusion_matrix(
    reference: NDArray[np.int_], predicted: NDArray[np.int_], classes: int
) -> NDArray[np.int_]:
    """Counts of cases, array (reference, predicted)."""
    flat: NDArray[np.int_] = np.bincount(reference * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes)


def accuracy_interval(
    reference: NDArray[np.int_], predicted: NDArray[np.int_], groups: Sequence[str]
) -> Interval:
    """Share of cases whose class is right."""
    return clustered_mean((reference == predicted).astype(float).tolist(), groups, bounds=(0.0, 1.0))


def accuracy_difference(
    reference: NDArray[np.int_],
    candidate: NDArray[np.int_],
    champion: NDArray[np.int_],
    groups: Sequence[str],
) -> Interval:
    """Accuracy of the candidate minus the champion's, on the same cases.

    Returns:
        [0, 0] if both are right on the same cases, [-1, 1] with one group.
    """
    differences = (reference == candidate).astype(float) - (reference == champion).astype(float)
    if len(set(groups)) > 1:
        found = clustered_mean(differences.tolist(), groups)
        low, high, method = max(-1.0, found.low), min(1.0, found.high), found.method
    else:
        low, high, method = -1.0, 1.0, UNKNOWN
    return Interval(
        estimate=float(differences.mean()),
        low=low,
        high=high,
        n=len(differences),
        groups=len(set(groups)),
        method=method,
    )


def recall_interval(
    reference: NDArray[np.int_], predicted: NDArray[np.int_], label: int, groups: Sequence[str]
) -> Interval | None:
    """Share of a class's cases that are predicted as it; None if the class has no case."""
    chosen = np.flatnonzero(reference == label)
    if not len(chosen):
        return None
    return accuracy_interval(reference[chosen], predicted[chosen], [groups[case] for case in chosen.tolist()])


def balanced_accuracy(reference: NDArray[np.int_], predicted: NDArray[np.int_]) -> float:
    """Mean of recall over the classes that the reference holds.

    Raises:
        ValueError: Without cases.
    """
    if not len(reference):
        raise ValueError("Balanced accuracy needs at least one case.")
    right = reference == predicted
    return float(np.mean([right[reference == label].mean() for label in np.unique(reference)]))


def balanced_accuracy_interval(
    reference: NDArray[np.int_], predicted: NDArray[np.int_], groups: Sequence[str]
) -> Interval:
    """Balanced accuracy with its interval.

    The variance is that of the influence values summed by group; the limits are Wilson's at the sample size it stands
    for. That size is capped by what the classes would carry if every recall were the same, in which a class of few
    cases counts little: all of three cases right is not a recall of 1 for certain.
    """
    codes = cluster_codes(groups)
    right, present = reference == predicted, np.unique(reference)
    influence, shares, variances, dofs = np.zeros(len(reference)), [], [], []
    for label in present:
        chosen = reference == label
        cases, units = int(chosen.sum()), len(np.unique(codes[chosen]))
        recall = float(right[chosen].mean())
        if units > 1:
            correction = float(np.sqrt(units / (units - 1)))
            influence[chosen] = (right[chosen] - recall) / (cases * len(present)) * correction
        variances.append(influence_variance(np.where(chosen, influence, 0.0), codes))
        # Without spread within a class, cases of one group may as well be one case.
        shares.append(1 / cases if variances[-1] > 0 else 1 / units)
        dofs.append(max(units - 1, 1))
    mean, groups_found = balanced_accuracy(reference, predicted), int(codes.max()) + 1
    low, high, method = 0.0, 1.0, UNKNOWN
    if groups_found > 1:
        single = groups_found == len(reference)
        size = len(present) ** 2 / sum(shares)
        size = min(size, effective_size(mean, influence_variance(influence, codes)))
        critical = critical_value(None if single else satterthwaite(variances, dofs))
        low, high = score_limits(mean, size, critical)
        method = "influence, Wilson score, effective sample size" + ("" if single else ", t")
    return Interval(estimate=mean, low=low, high=high, n=len(reference), groups=groups_found, method=method)
