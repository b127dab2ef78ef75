import numpy as np
import pytest
from scipy import stats

from medgantry.statistics.influence import influence_interval, satterthwaite
from medgantry.statistics.interval import Interval
from medgantry.statistics.recovery import recovered_limits
from medgantry.statistics.score import score_limits


def test_a_mean_by_influence_is_students() -> None:
    values = np.random.default_rng(0).normal(0, 1, 25)
    influence = (values - values.mean()) / 25 * np.sqrt(25 / 24)
    found = influence_interval(
        values.mean(), influence, [str(case) for case in range(25)], scale="identity", dof=24, method="mean"
    )
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (found.n, found.groups, found.method) == (25, 25, "mean")


def test_influences_of_a_group_add_before_they_are_squared() -> None:
    influence = np.array([0.1, -0.1, 0.05, -0.05])
    cancelled = influence_interval(
        0.5, influence, ["a", "a", "b", "b"], scale="identity", dof=9, method="any"
    )
    assert cancelled.low == cancelled.high == 0.5


@pytest.mark.parametrize("estimate", [1e-9, 0.3, 0.999999])
def test_logit_limits_stay_inside(estimate: float) -> None:
    found = influence_interval(
        estimate, np.array([0.2, -0.2]), ["a", "b"], scale="logit", dof=1, method="any"
    )
    assert 0 <= found.low <= estimate <= found.high <= 1


def test_logit_has_no_place_for_certainty() -> None:
    with pytest.raises(ValueError, match="strictly between"):
        influence_interval(1.0, np.zeros(2), ["a", "b"], scale="logit", dof=1, method="any")


def test_degrees_of_freedom_are_welchs() -> None:
    first, second = np.random.default_rng(1).normal(0, 1, 8), np.random.default_rng(2).normal(0, 3, 20)
    expected = stats.ttest_ind(first, second, equal_var=False).df
    found = satterthwaite([first.var(ddof=1) / 8, second.var(ddof=1) / 20], [7, 19])
    assert found == pytest.approx(expected, abs=1e-9)
    assert satterthwaite([0.0, 0.0], [3, 5]) == 3


def test_recovered_limits_of_independent_shares_are_newcombes() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 873-890, Table II, contrast 56/70 - 48/80: 0.0524 to 0.3339.
    terms = []
    for right, cases in ((56, 70), (48, 80)):
        low, high = score_limits(right / cases, cases, stats.norm.ppf(0.975))
        terms.append(
            Interval(estimate=right / cases, low=low, high=high, n=cases, groups=cases, method="Wilson")
        )
    found = recovered_limits(terms, [1.0, -1.0], np.zeros((2, 4)))
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_recovered_limits_of_one_term_are_its_own() -> None:
    term = Interval(estimate=0.9, low=0.7, high=0.95, n=9, groups=9, method="any")
    assert recovered_limits([term, term], [0.5, 0.5], np.ones((2, 3))) == pytest.approx((0.7, 0.95))
