import numpy as np
import pytest
import torch
from lifelines.utils import concordance_index
from torchsurv.metrics.auc import Auc
from torchsurv.metrics.cindex import ConcordanceIndex
from torchsurv.stats.ipcw import get_ipcw

from medgantry.statistics.survival.concordance import dynamic_auc, harrell_c, uno_c
from tests.medgantry.statistics.survival.outcomes import SEEDS, make_outcomes


def as_torch(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(a, dtype=None if a.dtype == bool else torch.float32) for a in arrays]


def weights_before(time: torch.Tensor, event: torch.Tensor) -> torch.Tensor:
    """1 / G(T-): days are whole numbers, so nothing happens between half a day before and the day."""
    return get_ipcw(event, time, time - 0.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_harrells_c_is_lifelines(seed: int) -> None:
    time, event, risk = make_outcomes(seed)
    assert harrell_c(time, event, risk) == pytest.approx(concordance_index(time, -risk, event), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_unos_c_is_torchsurvs(seed: int) -> None:
    arrays = make_outcomes(seed)
    tau = float(np.quantile(arrays[0], 0.9))
    time, event, risk = as_torch(*arrays)
    weight = weights_before(time, event)
    oracle = ConcordanceIndex()(risk, event, time, weight=weight, tmax=torch.tensor(tau))
    assert uno_c(*arrays, tau) == pytest.approx(oracle.item(), abs=1e-6)


def test_without_an_event_and_a_censoring_on_one_day_torchsurvs_own_weights_give_the_same() -> None:
    generator = np.random.default_rng(3)
    time, event = np.ceil(generator.exponential(200, 60)), generator.random(60) < 0.5
    time[~event] += 0.5
    risk = generator.normal(size=60)
    days, events, risks = as_torch(time, event, risk)
    oracle = ConcordanceIndex()(risks, events, days, weight=get_ipcw(events, days), tmax=torch.tensor(300.0))
    assert uno_c(time, event, risk, 300.0) == pytest.approx(oracle.item(), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_dynamic_auc_is_torchsurvs(seed: int) -> None:
    arrays, days = make_outcomes(seed), np.array([4.0, 9.0, 12.0])
    time, event, risk = as_torch(*arrays)
    on = torch.tensor(days, dtype=torch.float32)
    oracle = Auc()(
        risk,
        event,
        time,
        new_time=on,
        weight=weights_before(time, event),
        weight_new_time=get_ipcw(event, time, on),
    )
    assert [dynamic_auc(*arrays, day) for day in days] == pytest.approx(oracle.tolist(), abs=1e-6)


def test_an_event_comes_before_a_censoring_on_the_same_day_and_two_events_are_no_pair() -> None:
    risk = np.array([2.0, 1.0])
    same = np.array([5.0, 5.0])
    assert harrell_c(same, np.array([True, False]), risk) == 1
    assert harrell_c(same, np.array([True, True]), risk) is None


def test_equal_risks_are_half_in_order() -> None:
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, True, True])
    assert uno_c(time, event, np.zeros(3)) == 0.5
    assert dynamic_auc(time, event, np.zeros(3), 1.5) == 0.5


def test_what_has_no_pairs_is_not_defined() -> None:
    time, risk = np.array([1.0, 2.0]), np.zeros(2)
    assert harrell_c(time, np.array([False, True]), risk) is None
    assert uno_c(time, np.array([True, True]), risk, tau=1.0) is None
    assert dynamic_auc(time, np.array([True, True]), risk, 2.0) is None


def test_censoring_that_depends_on_nothing_moves_harrells_c_and_not_unos() -> None:
    """Short follow-up keeps the pairs that a crossing effect orders well; Uno's weights undo it up to tau."""
    generator = np.random.default_rng(1)
    risk = generator.normal(size=2000)
    # The effect fades: early events are well ordered, late ones are not.
    time = generator.exponential(1.0, 2000) * np.where(generator.random(2000) < 0.5, np.exp(-2 * risk), 1.0)
    whole = uno_c(time, np.ones(2000, dtype=bool), risk, tau=1.5)
    censoring = generator.exponential(0.7, 2000)
    seen, event = np.minimum(time, censoring), time <= censoring
    assert whole is not None
    assert uno_c(seen, event, risk, tau=1.5) == pytest.approx(whole, abs=0.015)
    assert abs((harrell_c(seen, event, risk) or 0) - whole) > 0.02
