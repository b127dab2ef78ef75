import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medgantry.survival.folds import generator, stratified_folds
from medgantry.survival.outcome import Outcome


@given(n=st.integers(10, 80), folds=st.integers(2, 8), seed=st.integers(0, 99), share=st.floats(0.2, 0.8))
def test_folds_have_like_sizes_and_events(n: int, folds: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    outcome = Outcome(time=rng.uniform(1, 999, n), event=rng.random(n) < share)
    found = stratified_folds(outcome, folds, generator(seed, "outer"))
    for members in (np.ones(n, dtype=bool), outcome.event, ~outcome.event):
        sizes = np.bincount(found[members], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


def test_neighbours_in_time_share_a_fold_as_often_as_any_two() -> None:
    outcome = Outcome(time=np.arange(1.0, 41.0), event=np.ones(40, dtype=bool))
    drawn = [stratified_folds(outcome, 5, generator(seed, "outer")) for seed in range(1000)]
    together = np.mean([np.mean(found[1:] == found[:-1]) for found in drawn])
    assert abs(together - 7 / 39) < 0.01


def test_uses_of_a_seed_have_streams_of_their_own() -> None:
    draws = {
        float(generator(*use).random()) for use in ((0, "a"), (0, "a", 0), (0, "b"), (1, "a"), (0, "a", 0, 0))
    }
    assert len(draws) == 5
    assert generator(3, "a").random() == generator(3, "a").random()
