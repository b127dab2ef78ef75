import numpy as np
import pytest
import torch
from lifelines import KaplanMeierFitter
from torchsurv.stats.kaplan_meier import KaplanMeierEstimator

from medgantry.statistics.survival.kaplan_meier import (
    follow_up,
    follow_up_without_each,
    kaplan_meier,
    numbers_at_risk,
    without_each,
)
from tests.medgantry.statistics.survival.outcomes import SEEDS, make_outcomes


@pytest.mark.parametrize("seed", SEEDS)
def test_survival_and_its_limits_are_lifelines(seed: int) -> None:
    time, event, _ = make_outcomes(seed)
    found, oracle = kaplan_meier(time, event), KaplanMeierFitter().fit(time, event)
    np.testing.assert_allclose(found.survival, oracle.predict(found.days), atol=1e-9)
    inside = (found.survival > 0) & (found.survival < 1)
    limits = oracle.confidence_interval_.loc[found.days].to_numpy()[inside]
    np.testing.assert_allclose(np.stack([found.low, found.high], axis=1)[inside], limits, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_staying_uncensored_is_torchsurvs(seed: int) -> None:
    time, event, _ = make_outcomes(seed)
    oracle = KaplanMeierEstimator()
    oracle(torch.tensor(event), torch.tensor(time, dtype=torch.float32), censoring_dist=True)
    np.testing.assert_allclose(follow_up(time, event).survival, oracle.km_est.numpy(), atol=1e-6)


def test_without_ties_staying_uncensored_is_lifelines_with_swapped_events() -> None:
    generator = np.random.default_rng(0)
    time, event = generator.exponential(20, 60), generator.random(60) < 0.5
    found = follow_up(time, event)
    np.testing.assert_allclose(
        found.survival, KaplanMeierFitter().fit(time, ~event).predict(found.days), atol=1e-9
    )
    assert found.median()[0] == KaplanMeierFitter().fit(time, ~event).median_survival_time_


@pytest.mark.parametrize("seed", SEEDS)
def test_without_each_is_estimated_without_each(seed: int) -> None:
    time, event, _ = make_outcomes(seed)
    survival, uncensored = without_each(time, event), follow_up_without_each(time, event)
    for index in range(len(time)):
        keep = np.arange(len(time)) != index
        np.testing.assert_allclose(
            survival.survival[index], kaplan_meier(time[keep], event[keep]).at(survival.days)
        )
        np.testing.assert_allclose(
            uncensored.survival[index], follow_up(time[keep], event[keep]).at(survival.days)
        )


def test_a_curve_steps_on_its_day_and_holds_after_the_last() -> None:
    found = kaplan_meier(np.array([10.0, 20.0]), np.array([True, False]))
    assert found.at(np.array([5, 10, 99])).tolist() == [1, 0.5, 0.5]
    assert found.at(np.array([10.0]), before=True).tolist() == [1]


def test_limits_are_whole_before_the_first_event_and_after_the_last_subject() -> None:
    found = kaplan_meier(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    assert (found.survival[0], found.low[0], found.high[0]) == (1, 1, 1)
    assert (found.survival[-1], found.low[-1], found.high[-1]) == (0, 0, found.high[-2])


def test_a_median_that_is_not_reached_is_none() -> None:
    assert kaplan_meier(np.array([1.0, 2.0, 3.0]), np.array([True, False, False])).median()[0] is None


def test_who_leaves_on_a_day_is_at_risk_on_it() -> None:
    assert numbers_at_risk(np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0, 4.0])) == [3, 2, 0]
