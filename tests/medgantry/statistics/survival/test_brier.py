import numpy as np
import pytest
import torch
from torchsurv.metrics.brier_score import BrierScore
from torchsurv.stats.ipcw import get_ipcw

from medgantry.statistics.survival.brier import brier_score, integrated
from tests.medgantry.statistics.survival.outcomes import SEEDS, make_outcomes


@pytest.mark.parametrize("seed", SEEDS)
def test_the_score_and_its_integral_are_torchsurvs(seed: int) -> None:
    time, event, _ = make_outcomes(seed)
    days = np.array([2.0, 5.0, 9.0, 12.0])
    survival = np.sort(np.random.default_rng(seed).random((len(time), 4)), axis=1)[:, ::-1]
    days_in, time_in = (torch.tensor(values, dtype=torch.float32) for values in (days, time))
    predicted, events = torch.tensor(survival.copy(), dtype=torch.float32), torch.tensor(event)
    oracle = BrierScore()
    score = oracle(
        predicted,
        events,
        time_in,
        days_in,
        get_ipcw(events, time_in, time_in - 0.5),
        get_ipcw(events, time_in, days_in),
    )
    found = brier_score(time, event, survival, days)
    np.testing.assert_allclose(found, score.numpy(), atol=1e-6)
    assert integrated(found, days) == pytest.approx(oracle.integral().item(), abs=1e-6)


def test_one_half_scores_a_quarter_whatever_the_censoring() -> None:
    generator = np.random.default_rng(0)
    time, event = generator.exponential(10, 5000), generator.random(5000) < 0.4
    assert brier_score(time, event, np.full((5000, 1), 0.5), np.array([8.0])) == pytest.approx(0.25, abs=0.01)


def test_the_integral_over_one_day_is_its_score() -> None:
    assert integrated(np.array([0.2]), np.array([5.0])) == 0.2
