import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from medgantry.evaluation.classification.curves import operating_threshold, pr_auc, roc_curve, sensitivity_at

CASES = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)
POSITIVE = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1])


@settings(deadline=None)
@given(CASES)
def test_curve_and_precision_are_scikit_learns(pairs: list[tuple[bool, int]]) -> None:
    positive, scores = np.array([side for side, _ in pairs]), np.array([score / 12 for _, score in pairs])
    if not positive.any():
        assert pr_auc(positive, scores) is None
        return
    assert pr_auc(positive, scores) == pytest.approx(
        metrics.average_precision_score(positive, scores), abs=1e-9
    )
    if positive.all():
        with pytest.raises(ValueError, match="positive and negative"):
            roc_curve(positive, scores)
        return
    fpr, tpr, thresholds = roc_curve(positive, scores)
    expected = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(fpr, expected[0], atol=1e-9)
    np.testing.assert_allclose(tpr, expected[1], atol=1e-9)
    np.testing.assert_allclose(thresholds[1:], expected[2][1:], atol=1e-9)
    assert np.isfinite(thresholds).all()
    assert not (scores >= thresholds[0]).any()


@settings(deadline=None)
@given(CASES, st.integers(0, 20))
def test_sensitivity_is_the_best_that_the_curve_offers(
    pairs: list[tuple[bool, int]], twentieths: int
) -> None:
    positive, scores = np.array([side for side, _ in pairs]), np.array([score / 12 for _, score in pairs])
    specificity = twentieths / 20
    found, threshold = (call(positive, scores, specificity) for call in (sensitivity_at, operating_threshold))
    if positive.all() or not positive.any():
        assert found is None
        assert threshold is None
        return
    fpr, tpr, _ = roc_curve(positive, scores)
    negatives = (~positive).sum()
    admitted = np.rint((1 - fpr) * negatives) * 20 >= twentieths * negatives
    assert found == pytest.approx(tpr[admitted].max())
    assert threshold is not None
    assert (scores[positive] >= threshold).mean() == pytest.approx(found)
    assert (scores[~positive] < threshold).mean() >= specificity - 1e-9


def test_operating_points_by_hand() -> None:
    # 5 of the 6 negatives lie below 0.5, all of them below 0.7.
    assert sensitivity_at(POSITIVE, SCORES, 0.8) == 1.0
    assert operating_threshold(POSITIVE, SCORES, 0.8) == 0.5
    assert sensitivity_at(POSITIVE, SCORES, 0.9) == 0.75
    assert operating_threshold(POSITIVE, SCORES, 0.9) == 0.7


def test_a_specificity_that_is_a_whole_number_of_cases_is_reached() -> None:
    positive, scores = np.r_[np.zeros(10, dtype=bool), True], np.r_[np.arange(10.0), 8.5]
    assert sensitivity_at(positive, scores, 0.9) == 1.0
    # 0.55 * 20 is more than 11 in floating point.
    assert sensitivity_at(np.r_[np.zeros(20, dtype=bool), True], np.r_[np.arange(20.0), 10.5], 0.55) == 1.0


def test_no_threshold_specific_enough_detects_none() -> None:
    positive = np.array([True, False])
    threshold = operating_threshold(positive, np.array([0.2, 0.9]), 0.9)
    assert threshold is not None
    assert 0.9 < threshold < 0.9 + 1e-12
    assert sensitivity_at(positive, np.array([0.2, 0.9]), 0.9) == 0.0


def test_a_specificity_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\], got 90"):
        sensitivity_at(POSITIVE, SCORES, 90)
