import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medgantry.survival.folds import generator, stratified_folds
from medgantry.survival.outcome import Outcome


@given(n=st.integers(10, 80), folds=st.integers(2, 8), seed=st.integers(0, 99), share=st.floats(0.2, 0.8))
def test_folds_have_like_sizes_events_and_times(n: int, folds: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    outcome = Outcome(time=rng.uniform(1, 999, n), event=rng.random(n) < share)
    found = stratified_folds(outcome, folds, generator(seed, "outer"))
    for members in (np.ones(n, dtype=bool), outcome.event, ~outcome.event):
        sizes = np.bincount(found[members], minlength=folds)
        assert sizes.max() - sizes.min() <= 1
    # Of any neighbours in time each goes to another fold.
    events = np.flatnonzero(outcome.event)
    first = found[events[np.argsort(outcome.time[events])]][:folds]
    assert len(set(first)) == len(first)


def test_uses_of_a_seed_have_streams_of_their_own() -> None:
    draws = {
        float(generator(*use).random()) for use in ((0, "a"), (0, "a", 0), (0, "b"), (1, "a"), (0, "a", 0, 0))
    }
    assert len(draws) == 5
    assert generator(3, "a").random() == generator(3, "a").random()
