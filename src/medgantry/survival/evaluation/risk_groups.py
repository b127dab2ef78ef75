"""Groups of low, middle and high risk, made without looking at outcomes.

Risks have a scale of their own in every fold, so what is compared is a subject's place in its fold: the share of the
fold with a lower risk, averaged over the repeats. Terciles of it are the groups.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from medgantry.statistics.arrays import Floats

GROUPS = ("low", "middle", "high")


def place_in_fold(fold: NDArray[np.int64], risk: Floats) -> Floats:
    """(n,) mean place of each subject's risk in its fold, 0 to 1, from folds and risks (repeats, n)."""
    places = np.empty(risk.shape)
    for repeat, folds in enumerate(fold):
        for name in np.unique(folds):
            members = folds == name
            places[repeat, members] = (stats.rankdata(risk[repeat, members]) - 0.5) / members.sum()
    mean: Floats = places.mean(axis=0)
    return mean


def risk_groups(place: Floats) -> NDArray[np.int_]:
    """(n,) number of each subject's group; the thresholds are the terciles of the places themselves."""
    groups: NDArray[np.int_] = np.searchsorted(np.quantile(place, [1 / 3, 2 / 3]), place, side="left")
    return groups


def members_of(groups: NDArray[np.int_]) -> Mapping[str, NDArray[np.intp]]:
    """Indices of the subjects of each group that has any."""
    found = {name: np.flatnonzero(groups == number) for number, name in enumerate(GROUPS)}
    return {name: members for name, members in found.items() if len(members)}
