from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics

from medgantry.evaluation.classification.calibration import (
    WORST,
    brier,
    equal_mass_bins,
    expected_calibration_error,
    negative_log_likelihood,
    reliability_curve,
)

CONFIDENCES = st.lists(st.integers(0, 40), min_size=1, max_size=200)


@settings(deadline=None)
@given(CONFIDENCES, st.integers(1, 15))
def test_bins_hold_every_case_once_and_split_no_tie(levels: list[int], bins: int) -> None:
    confidence = np.array(levels) / 40
    found = equal_mass_bins(confidence, bins)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(levels)))
    assert len(found) <= bins
    values = [set(confidence[chosen]) for chosen in found]
    for lower, upper in pairwise(values):
        assert max(lower) < min(upper)
    if len(found) > 1:
        assert min(len(chosen) for chosen in found) >= 10


@pytest.mark.parametrize(("cases", "bins"), [(9, 1), (19, 1), (20, 2), (152, 15), (300, 15), (301, 15)])
def test_bins_of_distinct_confidences_are_equal(cases: int, bins: int) -> None:
    sizes = [len(chosen) for chosen in equal_mass_bins(np.random.default_rng(0).random(cases))]
    assert len(sizes) == bins
    assert max(sizes) - min(sizes) <= 1


def test_the_error_by_hand() -> None:
    # 10 cases at 0.6 of which 3 are right, 10 at 0.9 of which all are: (10 * 0.3 + 10 * 0.1) / 20.
    confidence = np.repeat([0.6, 0.9], 10)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    reference = np.r_[np.zeros(3), np.ones(7), np.zeros(10)].astype(int)
    assert expected_calibration_error(reference, probabilities) == pytest.approx(0.2, abs=1e-12)
    low, high = reliability_curve(reference, probabilities)
    assert (low["n"], low["confidence"], low["accuracy"]) == pytest.approx((10, 0.6, 0.3))
    expected = stats.binomtest(3, 10).proportion_ci(method="wilson")
    assert (low["low"], low["high"]) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert (high["n"], high["accuracy"], high["high"]) == pytest.approx((10, 1, 1))


def test_the_order_of_cases_decides_nothing() -> None:
    generator = np.random.default_rng(1)
    probabilities = special.softmax(generator.normal(0, 2, (230, 3)).round(1), axis=1).round(2)
    reference, order = generator.integers(0, 3, 230), generator.permutation(230)
    first = expected_calibration_error(reference, probabilities)
    assert expected_calibration_error(reference[order], probabilities[order]) == pytest.approx(
        first, abs=1e-12
    )


def test_calibrated_probabilities_have_little_error() -> None:
    generator = np.random.default_rng(2)
    probabilities = special.softmax(generator.normal(0, 1, (20_000, 3)), axis=1)
    reference = np.array([generator.choice(3, p=row) for row in probabilities])
    assert expected_calibration_error(reference, probabilities) < 0.015
    assert expected_calibration_error((reference + 1) % 3, probabilities) > 0.2


def test_losses_are_scikit_learns() -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        reference = generator.integers(0, 4, 50)
        probabilities = special.softmax(generator.normal(0, 2, (50, 4)), axis=1)
        expected = metrics.log_loss(reference, probabilities, labels=range(4))
        assert negative_log_likelihood(reference, probabilities).mean() == pytest.approx(expected, abs=1e-9)
        score = metrics.brier_score_loss(reference, probabilities, labels=range(4), scale_by_half=False)
        assert brier(reference, probabilities).mean() == pytest.approx(score, abs=1e-9)


def test_certainty_costs_a_finite_price() -> None:
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert negative_log_likelihood(np.array([0, 1]), probabilities).tolist() == [0.0, WORST]
    assert brier(np.array([0, 1]), probabilities).tolist() == [0.0, 2.0]
