import numpy as np
import pytest
from scipy import stats

from medgantry.statistics.two_samples import (
    same_numbers,
    same_shares,
    total_variation,
    wasserstein_in_deviations,
)

DRAWS = 1999


def test_of_continuous_numbers_it_is_the_exact_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=80), rng.normal(0.5, size=40)
    assert same_numbers(first, second, DRAWS) == stats.ks_2samp(first, second).pvalue


@pytest.mark.parametrize("values", [(0.7, 0.8), (1.0, 2.0, 5.0), tuple(range(30)), (-np.inf, 0.0, 1.0)])
def test_with_ties_false_alarms_keep_their_level_and_are_not_far_below(values: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    samples = rng.choice(values, size=(400, 150))
    alarms = [same_numbers(row[:100], row[100:], DRAWS) <= 0.05 for row in samples]
    assert 0.005 < np.mean(alarms) <= stats.binom.ppf(0.99, 400, 0.05) / 400


def test_with_ties_more_is_seen_than_by_the_exact_distribution() -> None:
    before, now = np.repeat([1.0, 5.0], [90, 10]), np.repeat([1.0, 5.0], [21, 9])
    assert stats.ks_2samp(before, now).pvalue > 0.2
    assert same_numbers(before, now, DRAWS) < 0.02


def test_the_classes_of_a_small_table_agree_with_an_exact_test() -> None:
    before, now = np.repeat(["a", "b"], [30, 10]), np.repeat(["a", "b"], [9, 11])
    exact = stats.fisher_exact([[30, 10], [9, 11]]).pvalue
    assert same_shares(before, now, 99_999) == pytest.approx(exact, rel=0.2)


def test_rare_classes_raise_no_false_alarms() -> None:
    rng = np.random.default_rng(2)
    samples = rng.choice(list("abcdefg"), p=[0.7, 0.2, 0.05, 0.02, 0.01, 0.01, 0.01], size=(400, 120))
    alarms = [same_shares(row[:95], row[95:], DRAWS) <= 0.05 for row in samples]
    assert np.mean(alarms) <= stats.binom.ppf(0.99, 400, 0.05) / 400


def test_a_p_value_is_never_zero() -> None:
    assert same_numbers(np.zeros(50), np.ones(50), DRAWS) == 1 / (1 + DRAWS)
    assert same_shares(np.repeat("a", 50), np.repeat("b", 50), DRAWS) == 1 / (1 + DRAWS)


def test_equal_constants_say_nothing() -> None:
    assert same_numbers(np.ones(50), np.ones(20), DRAWS) == 1
    assert same_shares(np.repeat("a", 50), np.repeat("a", 20), DRAWS) == 1


def test_effects() -> None:
    reference = np.random.default_rng(3).normal(10, 2, size=500)
    moved = reference + 3 * np.std(reference, ddof=1)
    assert wasserstein_in_deviations(reference, moved) == pytest.approx(3)
    assert wasserstein_in_deviations(np.ones(5), np.zeros(5)) is None
    assert total_variation(np.repeat(["a", "b"], [8, 2]), np.repeat(["a", "c"], [5, 5])) == 0.5
