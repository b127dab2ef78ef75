import numpy as np
import pytest

from medgantry.statistics.survival.kaplan_meier import kaplan_meier
from medgantry.survival.evaluation.calibration import calibration_groups, observed_to_expected
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome
from tests.medgantry.statistics.survival.outcomes import make_outcomes
from tests.medgantry.survival.evaluation.cohort import SCALE, SHAPE, draw


def test_true_chances_are_calibrated_in_each_group_and_overall() -> None:
    features, time, event = draw(np.random.default_rng(0), 1500, 0.8)
    hazard = np.exp(0.8 * features.sum(axis=1))
    chance = 1 - np.exp(-hazard * (731 / SCALE) ** SHAPE)[None]
    outcomes = WeightedOutcome(time=time - 1, event=event)
    for group in calibration_groups(outcomes, chance, 731):
        assert group.observed.value == pytest.approx(group.predicted, abs=0.06)
    log = observed_to_expected(outcomes, chance, 731)
    assert log is not None
    assert log.value == pytest.approx(0, abs=0.06)


def test_half_the_chance_doubles_observed_to_expected() -> None:
    time, event, _ = make_outcomes(1)
    outcomes, chance = WeightedOutcome(time=time, event=event), np.full((2, len(time)), 0.4)
    whole, half = (observed_to_expected(outcomes, values, 9) for values in (chance, chance / 2))
    assert whole is not None
    assert half is not None
    assert np.exp(half.value) == pytest.approx(2 * np.exp(whole.value))
    assert np.exp(whole.value) == pytest.approx((1 - kaplan_meier(time, event).at(np.array([9.0]))[0]) / 0.4)


def test_groups_without_each_subject_change_in_its_own_group_only() -> None:
    time, event, _ = make_outcomes(1)
    order = np.random.default_rng(0).permutation(len(time)) / len(time)
    lowest = calibration_groups(WeightedOutcome(time=time, event=event), order[None], 9)[0].observed
    inside = order < 0.25
    assert (lowest.without[0, ~inside] == lowest.value).all()
    first = np.flatnonzero(inside)[0]
    kept = inside & (np.arange(len(time)) != first)
    expected = 1 - kaplan_meier(time[kept], event[kept]).at(np.array([9.0]))[0]
    assert lowest.without[0, first] == pytest.approx(expected)


def test_equal_predictions_still_make_four_groups() -> None:
    time, event, _ = make_outcomes(1)
    outcomes = WeightedOutcome(time=time, event=event)
    assert len(calibration_groups(outcomes, np.full((1, len(time)), 0.3), 9)) == 4


def test_no_event_by_then_is_no_ratio() -> None:
    time, event = np.array([5.0, 6.0, 7.0]), np.array([True, True, False])
    assert observed_to_expected(WeightedOutcome(time=time, event=event), np.full((1, 3), 0.5), 4) is None
