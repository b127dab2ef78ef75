import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from medgantry.features.clinical.ordering import share_in_order, with_and_without
from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.survival.concordance import comparable


def cohort(seed: int, n: int = 80) -> tuple[Floats, Floats, Flags]:
    generator = np.random.default_rng(seed)
    scores = np.round(generator.normal(size=n), 1)
    times = np.ceil(generator.exponential(20 * np.exp(-0.5 * scores)))
    return scores, times, generator.random(n) < 0.6


@pytest.mark.parametrize("seed", range(5))
def test_c_and_auc_are_those_of_others(seed: int) -> None:
    scores, times, events = cohort(seed)
    c, auc = (
        share_in_order(scores, comparable(times, events)),
        share_in_order(scores, with_and_without(events)),
    )
    assert c is not None
    assert auc is not None
    wanted = concordance_index(times, -scores, events)
    assert c.value == pytest.approx(max(wanted, 1 - wanted), abs=1e-12)
    area = roc_auc_score(events, scores)
    assert auc.value == pytest.approx(max(area, 1 - area), abs=1e-12)
    assert (c.n, auc.n) == (80, 80)


def test_the_variance_behind_the_limits_is_delongs() -> None:
    scores, _, events = cohort(3)
    found = share_in_order(scores, with_and_without(events))
    assert found is not None
    of, without = scores[events], scores[~events]
    kernel = np.where(of[:, None] == without, 0.5, of[:, None] > without)
    variance = kernel.mean(axis=1).var() / len(of) + kernel.mean(axis=0).var() / len(without)
    share = found.value
    size, z = share * (1 - share) / variance, 1.959963984540054
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-9)


def test_perfect_order_of_few_is_not_certain_and_of_fewer_says_nothing() -> None:
    events = np.array([True] * 10 + [False] * 30)
    scores = events.astype(float)
    found = share_in_order(scores, with_and_without(events))
    assert found is not None
    assert found.value == 1
    assert 0.8 < found.low < 0.9
    assert share_in_order(scores[1:], with_and_without(events[1:])) is None
