"""Folds whose mixtures of events and times are alike."""

import numpy as np
from numpy.typing import NDArray

from medgantry.fingerprint import hash_value
from medgantry.survival.outcome import Outcome


def generator(seed: int, *use: str | int) -> np.random.Generator:
    """A stream of random numbers of its own for each use of a seed."""
    return np.random.default_rng(int(hash_value([seed, *use])[:32], 16))


def stratified_folds(outcome: Outcome, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the fold (n,) of each subject.

    Those with the event, then the others, are taken in the order of their times and dealt out: of any `folds`
    neighbours each goes to another fold. Short ends go to the folds that have least.
    """
    found = np.empty(len(outcome.time), dtype=np.int64)
    sizes = np.zeros(folds, dtype=np.int64)
    for kind in (True, False):
        members = np.flatnonzero(outcome.event == kind)
        members = members[np.argsort(outcome.time[members], kind="stable")]
        for start in range(0, len(members), folds):
            few = members[start : start + folds]
            emptiest = np.lexsort((rng.random(folds), sizes))[: len(few)]
            found[few] = rng.permutation(emptiest)
            sizes[emptiest] += 1
    return found
