import numpy as np
import pytest

from medgantry.statistics.survival.brier import brier_score, integrated
from medgantry.statistics.survival.kaplan_meier import kaplan_meier
from medgantry.survival.evaluation.accuracy import baseline, brier_curve, integrated_brier, scaled
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome
from tests.medgantry.statistics.survival.outcomes import make_outcomes
from tests.medgantry.survival.evaluation.cohort import folds

DAYS = np.array([2.0, 5.0, 9.0, 12.0])


def test_curves_and_integrals_are_the_plain_metric_of_each_repeat_with_and_without_each_subject() -> None:
    time, event, _ = make_outcomes(1)
    survival = np.sort(np.random.default_rng(0).random((2, len(time), 4)), axis=-1)[..., ::-1]
    curve = brier_curve(WeightedOutcome(time=time, event=event), survival, DAYS)
    whole = integrated_brier(curve, DAYS)
    for repeat in range(2):
        expected = brier_score(time, event, survival[repeat], DAYS)
        np.testing.assert_allclose(curve.values[repeat], expected)
        assert whole.values[repeat] == pytest.approx(integrated(expected, DAYS))
        for index in range(len(time)):
            kept = np.delete(np.arange(len(time)), index)
            np.testing.assert_allclose(
                curve.without[repeat, index],
                brier_score(time[kept], event[kept], survival[repeat, kept], DAYS),
            )


def test_the_baseline_knows_the_other_folds_only() -> None:
    time, event, _ = make_outcomes(1)
    fold = folds(np.random.default_rng(0), 2, len(time))
    found = baseline(WeightedOutcome(time=time, event=event), fold, DAYS)
    others = fold[1] != fold[1, 7]
    np.testing.assert_array_equal(found[1, 7], kaplan_meier(time[others], event[others]).at(DAYS))


def test_the_scaled_score_is_0_for_the_baseline_itself_and_1_without_error() -> None:
    time, event, _ = make_outcomes(1)
    outcomes = WeightedOutcome(time=time, event=np.ones_like(event))
    fold = folds(np.random.default_rng(0), 2, len(time))
    known = integrated_brier(brier_curve(outcomes, baseline(outcomes, fold, DAYS), DAYS), DAYS)
    truth = np.repeat((time[:, None] > DAYS)[None].astype(float), 2, axis=0)
    perfect = integrated_brier(brier_curve(outcomes, truth, DAYS), DAYS)
    assert scaled(known, known).value == 0
    assert scaled(perfect, known).value == 1
