import numpy as np
import pytest
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from medgantry.features.clinical.ordering import Floats, by_event, by_time, in_order


def cohort(seed: int, n: int = 80) -> tuple[Floats, Floats, Floats]:
    generator = np.random.default_rng(seed)
    scores = np.round(generator.normal(size=n), 1)
    times = np.ceil(generator.exponential(20 * np.exp(-0.5 * scores)))
    return scores, times, (generator.random(n) < 0.6).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_c_and_auc_are_those_of_others(seed: int) -> None:
    scores, times, events = cohort(seed)
    c, auc = in_order(scores, by_time(times, events)), in_order(scores, by_event(events))
    assert c is not None
    assert auc is not None
    wanted = concordance_index(times, -scores, events)
    assert c.value == pytest.approx(max(wanted, 1 - wanted), abs=1e-12)
    area = roc_auc_score(events, scores)
    assert auc.value == pytest.approx(max(area, 1 - area), abs=1e-12)
    assert (c.n, auc.n) == (80, 80)


def test_the_variance_behind_the_limits_is_delongs() -> None:
    scores, _, events = cohort(3)
    found = in_order(scores, by_event(events))
    assert found is not None
    of, without = scores[events > 0], scores[events == 0]
    kernel = np.where(of[:, None] == without, 0.5, of[:, None] > without)
    variance = kernel.mean(axis=1).var() / len(of) + kernel.mean(axis=0).var() / len(without)
    share = found.value
    size, z = share * (1 - share) / variance, 1.959963984540054
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-9)


def test_perfect_order_of_few_is_not_certain_and_of_fewer_says_nothing() -> None:
    events = np.array([1.0] * 10 + [0.0] * 30)
    found = in_order(events, by_event(events))
    assert found is not None
    assert found.value == 1
    assert 0.8 < found.low < 0.9
    assert in_order(events[1:], by_event(events[1:])) is None
