import json

import numpy as np
import pytest

from medgantry.statistics.survival.concordance import harrell_c
from medgantry.survival.estimators.partial_likelihood import RiskSets
from medgantry.survival.estimators.regression import Tuning, fit_regression, read_fitted, tunings
from medgantry.survival.settings import Settings
from tests.medgantry.survival.cohorts import draw_outcome

TUNINGS = {
    "cox": Tuning(kept=2, penalty=0.05),
    "boosted-cox": Tuning(kept=2, rounds=30),
    "boosted-aft": Tuning(kept=2, rounds=30),
}


@pytest.mark.parametrize("estimator", list(TUNINGS))
def test_every_estimator_orders_subjects_and_is_what_was_saved(estimator: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6))
    outcome = draw_outcome(1.2 * x[:, 3], rng)
    sets = RiskSets.of(outcome)
    fitted = fit_regression(estimator, x, outcome, sets, np.zeros(200), TUNINGS[estimator])
    assert 3 in fitted.used()
    assert len(fitted.used()) == 2
    fresh = rng.normal(size=(200, 6))
    unseen = draw_outcome(1.2 * fresh[:, 3], rng)
    assert harrell_c(unseen.time, unseen.event, fitted.risk(fresh)) > 0.7
    again = read_fitted(estimator, json.loads(json.dumps(fitted.document())))
    np.testing.assert_array_equal(again.risk(fresh), fitted.risk(fresh))


@pytest.mark.parametrize("estimator", list(TUNINGS))
def test_what_others_know_is_not_learnt_again(estimator: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 1))
    outcome = draw_outcome(1.2 * x[:, 0], rng)
    sets = RiskSets.of(outcome)
    alone = fit_regression(estimator, x, outcome, sets, np.zeros(300), TUNINGS[estimator]).risk(x)
    beside = fit_regression(estimator, x, outcome, sets, 1.2 * x[:, 0], TUNINGS[estimator]).risk(x)
    assert beside.std() < 0.4 * alone.std()


def test_the_simplest_tuning_comes_first() -> None:
    assert tunings(Settings(kept=(4, 1), penalties=(0.1, 1.0)))[0] == Tuning(kept=1, penalty=1.0)
    assert tunings(Settings(estimator="boosted-aft", rounds=(50, 10)))[0] == Tuning(kept=1, rounds=10)
