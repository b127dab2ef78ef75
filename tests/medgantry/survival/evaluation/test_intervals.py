import numpy as np
import pytest
from scipy import stats

from medgantry.survival.evaluation.intervals import EQUAL, Intervals
from medgantry.survival.evaluation.jackknife import Jackknifed


def mean_of(values: list[float]) -> Jackknifed:
    found = np.array(values)
    return Jackknifed(
        values=found.mean(keepdims=True), without=((found.sum() - found) / (len(found) - 1))[None]
    )


def test_of_one_model_it_is_students_interval_of_a_mean() -> None:
    values = [0.1, 0.5, 0.2, 0.9, 0.4]
    found = Intervals(subjects=5, test_to_training=0).plain(mean_of(values), 5)
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)


def test_folds_widen_by_what_they_hold_back_from_training() -> None:
    five = Intervals.of(np.arange(20)[None] % 5)
    assert five.test_to_training == pytest.approx(0.25)
    assert Intervals.of(np.zeros((1, 20), dtype=int)).test_to_training == 0
    plain = Intervals(subjects=20, test_to_training=0)
    values = mean_of(np.random.default_rng(0).normal(size=20).tolist())
    widths = [each.plain(values, 20).high - values.value for each in (plain, five)]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(1.25))


def test_repeating_a_split_adds_no_subjects() -> None:
    once = mean_of([0.1, 0.5, 0.2, 0.9])
    often = Jackknifed(values=np.repeat(once.values, 10), without=np.repeat(once.without, 10, axis=0))
    assert often.variance(0.25) == pytest.approx(once.variance(0.25))


def test_a_share_stays_within_its_bounds_and_never_has_width_0() -> None:
    intervals = Intervals(subjects=4, test_to_training=0.25)
    near = intervals.share(mean_of([1.0, 1.0, 0.9, 0.7]), 4)
    assert 0 < near.low < near.estimate < near.high < 1
    whole = intervals.share(mean_of([1.0] * 4), 12)
    assert (whole.estimate, whole.high) == (1, 1)
    assert whole.low < 0.8


def test_a_difference_that_is_0_in_every_subject_says_so() -> None:
    found = Intervals(subjects=4, test_to_training=0.25).plain(mean_of([0.0] * 4), 4)
    assert (found.low, found.high, found.method) == (0, 0, EQUAL)


def test_a_ratio_is_symmetric_on_the_log_scale() -> None:
    found = Intervals(subjects=3, test_to_training=0).ratio(mean_of([0.1, 0.2, -0.3]), 3)
    assert found.estimate == 1
    assert found.low * found.high == pytest.approx(1)


def test_the_least_difference_has_the_least_limits_and_a_safer_upper_one() -> None:
    generator = np.random.default_rng(0)
    found = [mean_of(generator.normal(mean, 1, 50).tolist()) for mean in (0.5, 0.6, 3)]
    intervals = Intervals(subjects=50, test_to_training=0.25)
    least, each = intervals.least(found, 50), [intervals.plain(one, 50) for one in found]
    assert least.estimate == min(one.estimate for one in each)
    assert least.low == min(one.low for one in each)
    assert least.high > min(one.high for one in each)
