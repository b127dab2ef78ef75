import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import CoxPHFitter

from medgantry.survival.estimators.partial_likelihood import Baseline, RiskSets
from medgantry.survival.estimators.ridge import fit_ridge
from medgantry.survival.estimators.screening import score_statistics, strongest
from medgantry.survival.outcome import Outcome
from tests.medgantry.survival.cohorts import draw_outcome


def cohort(seed: int, *, n: int = 90, p: int = 5, ties: bool = False) -> tuple[np.ndarray, Outcome]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)  # as lifelines scales before it penalises
    outcome = draw_outcome(0.7 * x[:, 0] - 0.4 * x[:, 1], rng)
    return x, Outcome(time=np.ceil(outcome.time / 150), event=outcome.event) if ties else outcome


def lifelines_fit(x: np.ndarray, outcome: Outcome, penalty: float) -> CoxPHFitter:
    frame = pd.DataFrame(x).add_prefix("x").assign(time=outcome.time, event=outcome.event.astype(int))
    return CoxPHFitter(penalizer=penalty).fit(frame, "time", "event", fit_options={"precision": 1e-9})


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("penalty", [0.001, 0.1, 1.0])
def test_coefficients_and_likelihood_are_those_of_lifelines(penalty: float, ties: bool) -> None:
    x, outcome = cohort(1, ties=ties)
    sets = RiskSets.of(outcome)
    expected = lifelines_fit(x, outcome, penalty)
    found = fit_ridge(x, sets, np.zeros(len(x)), penalty)
    np.testing.assert_allclose(found, expected.params_.to_numpy(), atol=1e-5)
    # What lifelines calls the log likelihood holds the penalty, which it scales by the number of subjects.
    penalised = sets.log_likelihood(x @ found) - len(x) * penalty / 2 * found @ found
    assert penalised == pytest.approx(expected.log_likelihood_, abs=1e-3)


def test_the_baseline_gives_the_survival_of_lifelines() -> None:
    x, outcome = cohort(2)
    expected = lifelines_fit(x, outcome, 0.1)
    risk = x @ expected.params_.to_numpy()
    days = np.unique(outcome.time)[[5, 20, 40, 60]]  # lifelines interpolates between times
    frame = pd.DataFrame(x).add_prefix("x")
    theirs = expected.predict_survival_function(frame, times=days).to_numpy().T
    np.testing.assert_allclose(Baseline.of(outcome, risk).survival(risk, days), theirs, atol=1e-6)


def test_an_offset_counts_as_a_coefficient_that_is_known() -> None:
    x, outcome = cohort(3)
    sets, nothing = RiskSets.of(outcome), np.zeros(len(x))
    both = fit_ridge(x[:, :2], sets, nothing, 1e-9)
    rest = fit_ridge(x[:, 1:2], sets, both[0] * x[:, 0], 1e-9)
    assert rest[0] == pytest.approx(both[1], abs=1e-6)


@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_the_score_is_the_slope_of_the_likelihood(seed: int, ties: bool) -> None:
    x, outcome = cohort(seed, n=25, ties=ties)
    if not outcome.event.any():
        return
    sets, step = RiskSets.of(outcome), 1e-4
    ends = [sets.log_likelihood(side * step * x[:, 0]) for side in (-1, 0, 1)]
    slope, bend = (ends[2] - ends[0]) / (2 * step), -(ends[0] - 2 * ends[1] + ends[2]) / step**2
    if bend < 0.01:
        return
    assert score_statistics(x, sets, np.zeros(25))[0] == pytest.approx(
        slope / np.sqrt(bend), rel=1e-3, abs=1e-3
    )


def test_the_strongest_columns_are_kept_in_their_order() -> None:
    x, outcome = cohort(4, n=400)
    sets = RiskSets.of(outcome)
    assert strongest(x, sets, np.zeros(len(x)), 2).tolist() == [0, 1]
    # What is known already says nothing new.
    assert strongest(x, sets, 0.7 * x[:, 0], 1).tolist() == [1]


def test_a_constant_column_says_nothing() -> None:
    x, outcome = cohort(5)
    assert score_statistics(np.ones((len(x), 1)), RiskSets.of(outcome), np.zeros(len(x)))[0] == 0


def test_extreme_hazards_stay_finite() -> None:
    x, outcome = cohort(6)
    separated = Outcome(time=outcome.time, event=np.ones(len(x), dtype=bool))
    perfect = -np.log(outcome.time)[:, None]
    perfect = np.clip((perfect - perfect.mean()) / perfect.std(), -4, 4)
    found = fit_ridge(perfect, RiskSets.of(separated), np.zeros(len(x)), 0.001)
    assert np.isfinite(found).all()
    assert found[0] > 0
