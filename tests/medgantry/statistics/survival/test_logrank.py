import numpy as np
import pytest
from lifelines.statistics import multivariate_logrank_test

from medgantry.statistics.survival.logrank import log_rank
from tests.medgantry.statistics.survival.outcomes import SEEDS, make_outcomes


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("groups", [2, 4])
def test_the_test_is_lifelines(seed: int, groups: int) -> None:
    time, event, _ = make_outcomes(seed)
    group = np.random.default_rng(seed).integers(0, groups, len(time))
    found, oracle = log_rank(time, event, group), multivariate_logrank_test(time, group, event)
    assert found is not None
    assert (found.statistic, found.p) == pytest.approx((oracle.test_statistic, oracle.p_value), abs=1e-6)
    assert found.dof == groups - 1


def test_one_group_or_no_event_is_no_test() -> None:
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, True])
    assert log_rank(time, event, np.zeros(4, dtype=int)) is None
    assert log_rank(time, np.zeros(4, dtype=bool), np.array([0, 0, 1, 1])) is None
