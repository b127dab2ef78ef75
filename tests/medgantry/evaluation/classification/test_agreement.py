import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from medgantry.evaluation.classification.agreement import (
    accuracy_difference,
    accuracy_interval,
    balanced_accuracy,
    balanced_accuracy_interval,
    confusion_matrix,
    recall_interval,
)

CASES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=50)


def own(count: int) -> list[str]:
    return [str(index) for index in range(count)]


@settings(deadline=None)
@given(CASES)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_values_are_scikit_learns(triples: list[tuple[int, int, int]]) -> None:
    reference, predicted, owners = (np.array(column) for column in zip(*triples, strict=True))
    groups = [str(owner) for owner in owners]
    expected = metrics.confusion_matrix(reference, predicted, labels=range(4))
    np.testing.assert_array_equal(confusion_matrix(reference, predicted, 4), expected)
    accuracy = accuracy_interval(reference, predicted, groups)
    assert accuracy.estimate == pytest.approx(metrics.accuracy_score(reference, predicted), abs=1e-9)
    balanced = balanced_accuracy_interval(reference, predicted, groups)
    score = metrics.balanced_accuracy_score(reference, predicted)
    assert balanced.estimate == pytest.approx(score, abs=1e-9)
    assert balanced_accuracy(reference, predicted) == balanced.estimate
    for found in (accuracy, balanced):
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        assert found.low < found.high
    recalls = metrics.recall_score(reference, predicted, labels=range(4), average=None, zero_division=0)
    for label in range(4):
        recall = recall_interval(reference, predicted, label, groups)
        if recall is None:
            assert label not in reference
        else:
            assert recall.estimate == pytest.approx(recalls[label], abs=1e-9)
            assert recall.n == (reference == label).sum()


def test_balanced_accuracy_of_one_class_is_its_recall() -> None:
    reference, predicted = np.zeros(30, dtype=int), (np.arange(30) < 4).astype(int)
    found = balanced_accuracy_interval(reference, predicted, own(30))
    expected = stats.binomtest(26, 30).proportion_ci(method="wilson")
    # The influence values carry n / (n - 1), which a single share does not.
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_a_class_of_few_keeps_balanced_accuracy_in_doubt() -> None:
    reference = np.r_[np.zeros(97, dtype=int), 1, 1, 1]
    right = balanced_accuracy_interval(reference, reference, own(100))
    assert right.estimate == right.high == 1
    assert right.low < 0.8
    large = balanced_accuracy_interval(np.arange(100) % 2, np.arange(100) % 2, own(100))
    assert large.low > 0.95


def test_patients_widen_balanced_accuracy() -> None:
    reference = np.repeat(np.arange(20) % 2, 5)
    predicted = np.repeat(np.where(np.arange(20) < 5, 1 - np.arange(20) % 2, np.arange(20) % 2), 5)
    images = balanced_accuracy_interval(reference, predicted, own(100))
    patients = balanced_accuracy_interval(reference, predicted, [str(index // 5) for index in range(100)])
    assert patients.high - patients.low > 1.8 * (images.high - images.low)


def test_difference_of_accuracies() -> None:
    generator = np.random.default_rng(0)
    reference = generator.integers(0, 3, 100)
    candidate = np.where(generator.random(100) < 0.9, reference, (reference + 1) % 3)
    champion = np.where(generator.random(100) < 0.6, reference, (reference + 1) % 3)
    found = accuracy_difference(reference, candidate, champion, own(100))
    assert found.estimate == pytest.approx((candidate == reference).mean() - (champion == reference).mean())
    assert 0 < found.low < found.estimate < found.high <= 1
    same = accuracy_difference(reference, candidate, candidate, own(100))
    assert (same.estimate, same.low, same.high) == (0.0, 0.0, 0.0)
    one = accuracy_difference(reference, candidate, champion, ["a"] * 100)
    assert (one.low, one.high) == (-1.0, 1.0)
