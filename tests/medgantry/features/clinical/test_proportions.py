import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from medgantry.features.clinical.proportions import difference, imbalance, wilson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_limits_of_a_share_are_wilsons(counts: tuple[int, int]) -> None:
    k, n = counts
    wanted = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_differences_are_those_that_newcombe_printed(
    counts: tuple[int, ...], low: float, high: float
) -> None:
    """Method 10 in table II of Statistics in Medicine 17 (1998), 873-890."""
    found = difference(*counts)
    assert found.value == pytest.approx(counts[0] / counts[1] - counts[2] / counts[3])
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_imbalance_is_clarifys() -> None:
    found = imbalance(10, 30)
    share = binomtest(10, 40).proportion_ci(0.95, method="wilson")
    assert found.value == 0.5
    assert (found.low, found.high, found.n) == pytest.approx((1 - 2 * share.high, 1 - 2 * share.low, 40))
    assert imbalance(20, 20).value == 0
