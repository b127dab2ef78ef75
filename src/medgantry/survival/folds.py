"""Folds with equal shares of events."""

import numpy as np
from numpy.typing import NDArray

from medgantry.fingerprint import hash_value
from medgantry.survival.outcome import Outcome


def generator(seed: int, *use: str | int) -> np.random.Generator:
    """A stream of random numbers of its own for each use of a seed."""
    return np.random.default_rng(int(hash_value([seed, *use])[:32], 16))


def stratified_folds(outcome: Outcome, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the fold (n,) of each subject.

    Those with the event, then the others, are shuffled and dealt out, each in turn to a fold that has least. Times
    play no part: dealt out in their order, neighbours in time, who are hardest to tell apart, would never share a
    fold, and concordance within folds would come out too high.
    """
    found = np.empty(len(outcome.time), dtype=np.int64)
    sizes = np.zeros(folds, dtype=np.int64)
    for kind in (True, False):
        members = rng.permutation(np.flatnonzero(outcome.event == kind))
        for start in range(0, len(members), folds):
            few = members[start : start + folds]
            emptiest = np.lexsort((rng.random(folds), sizes))[: len(few)]
            found[few] = rng.permutation(emptiest)
            sizes[emptiest] += 1
    return found
