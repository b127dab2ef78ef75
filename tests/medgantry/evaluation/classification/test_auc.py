import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special, stats
from sklearn import metrics

from medgantry.evaluation.classification.auc import (
    auc,
    auc_influence,
    auc_interval,
    macro_auc_difference,
    macro_auc_interval,
)
from medgantry.statistics.clusters import cluster_codes

# A grid of few values makes ties.
CASES = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


def apart(pairs: list[tuple[bool, int]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return np.array([side for side, _ in pairs]), np.array([score / 12 for _, score in pairs])


def own(count: int) -> list[str]:
    return [f"{index:04}" for index in range(count)]


def delong_variance(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """As printed: DeLong 1988, equations 4 to 6, every pair by itself."""
    upper, lower = scores[positive], scores[~positive]
    kernel = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in lower] for x in upper])
    theta = kernel.mean()
    by_positive, by_negative = kernel.mean(axis=1), kernel.mean(axis=0)
    first = sum((value - theta) ** 2 for value in by_positive) / (len(upper) - 1)
    second = sum((value - theta) ** 2 for value in by_negative) / (len(lower) - 1)
    return float(first / len(upper) + second / len(lower))


@settings(deadline=None)
@given(CASES)
def test_the_area_is_scikit_learns(pairs: list[tuple[bool, int]]) -> None:
    positive, scores = apart(pairs)
    found = auc(positive, scores)
    if positive.all() or not positive.any():
        assert found is None
        assert auc_interval(positive, scores, own(len(scores))) is None
    else:
        assert found == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-9)


@settings(deadline=None)
@given(CASES)
def test_the_variance_is_delongs(pairs: list[tuple[bool, int]]) -> None:
    positive, scores = apart(pairs)
    if min(positive.sum(), (~positive).sum()) < 2:
        return
    influence = auc_influence(positive, scores, np.arange(len(scores)))
    assert influence @ influence == pytest.approx(delong_variance(positive, scores), abs=1e-9)
    assert influence.sum() == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_limits_hold_the_area_and_know_no_order(pairs: list[tuple[bool, int]], random: object) -> None:
    groups = [str(index % 7) for index in range(len(pairs))]
    positive, scores = apart(pairs)
    found = auc_interval(positive, scores, groups)
    if found is None:
        return
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.low < found.high
    order = list(range(len(pairs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = auc_interval(positive[order], scores[order], [groups[case] for case in order])
    assert again is not None
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-9)


def test_known_limits() -> None:
    generator = np.random.default_rng(0)
    positive = np.arange(40) < 15
    scores = generator.normal(0, 1, 40) + positive
    found = auc_interval(positive, scores, own(40))
    area, error = metrics.roc_auc_score(positive, scores), np.sqrt(delong_variance(positive, scores))
    influence = auc_influence(positive, scores, np.arange(40))
    parts = [influence[side] @ influence[side] for side in (positive, ~positive)]
    dof = sum(parts) ** 2 / (parts[0] ** 2 / 14 + parts[1] ** 2 / 24)
    half = stats.t.ppf(0.975, dof) * error / (area * (1 - area))
    expected = special.expit(special.logit(area) + np.array([-half, half]))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-9)


def test_clusters_follow_obuchowski() -> None:
    generator = np.random.default_rng(1)
    codes = np.repeat(np.arange(20), 3)
    positive = generator.random(60) < 0.4
    scores = generator.normal(0, 1, 60) + positive + np.repeat(generator.normal(0, 1, 20), 3)
    upper, lower = scores[positive], scores[~positive]
    kernel = (upper[:, None] > lower[None]).astype(float)
    theta, parts, units = kernel.mean(), [], []
    for values, owners in ((kernel.mean(axis=1), codes[positive]), (kernel.mean(axis=0), codes[~positive])):
        present = np.unique(owners)
        parts.append(np.array([(values[owners == code] - theta).sum() for code in range(20)]) / len(values))
        units.append(len(present))
    factors = np.sqrt([count / (count - 1) for count in units])
    # S10 / m + S01 / n + 2 S11 / (m n); the last with the geometric mean of the sides' small-sample factors.
    expected = (
        factors[0] ** 2 * parts[0] @ parts[0]
        + factors[1] ** 2 * parts[1] @ parts[1]
        + 2 * factors[0] * factors[1] * parts[0] @ parts[1]
    )
    sums = np.bincount(codes, weights=auc_influence(positive, scores, codes))
    assert sums @ sums == pytest.approx(expected, abs=1e-12)


def test_patients_widen_the_interval() -> None:
    generator = np.random.default_rng(2)
    positive, scores = np.repeat(np.arange(20) < 10, 5), np.repeat(generator.normal(0, 1, 20), 5)
    scores = scores + positive
    images = auc_interval(positive, scores, own(100))
    patients = auc_interval(positive, scores, [str(index // 5) for index in range(100)])
    assert images is not None
    assert patients is not None
    assert patients.high - patients.low > 1.5 * (images.high - images.low)


@pytest.mark.parametrize("sign", [1, -1])
def test_perfect_order_of_few_is_not_certain(sign: int) -> None:
    positive, scores = np.arange(10) < 5, sign * np.arange(10.0)
    found = auc_interval(positive, scores, own(10))
    assert found is not None
    assert found.estimate == (sign < 0)
    assert found.high - found.low > 0.3


def test_scores_that_say_nothing_and_a_lone_positive() -> None:
    constant = auc_interval(np.arange(10) < 5, np.zeros(10), own(10))
    assert constant is not None
    assert constant.estimate == 0.5
    assert constant.low < 0.3
    assert constant.high > 0.7
    lone = auc_interval(np.arange(10) < 1, np.arange(10.0), own(10))
    assert lone is not None
    assert (lone.low, lone.high) == (0.0, 1.0)


def test_macro_is_scikit_learns_mean_over_classes() -> None:
    generator = np.random.default_rng(3)
    for _ in range(20):
        reference = np.r_[0, 1, 2, 3, generator.integers(0, 4, 60)]
        probabilities = special.softmax(
            generator.normal(0, 1, (64, 4)).round(1) + np.eye(4)[reference], axis=1
        )
        found = macro_auc_interval(reference, probabilities, own(64))
        assert found is not None
        expected = metrics.roc_auc_score(reference, probabilities, multi_class="ovr", average="macro")
        assert found.estimate == pytest.approx(expected, abs=1e-9)
        assert 0 <= found.low < found.estimate < found.high <= 1


def test_macro_of_two_classes_is_the_binary_area() -> None:
    generator = np.random.default_rng(4)
    reference = np.arange(50) % 2
    scores = special.expit(generator.normal(0, 1, 50) + reference)
    found = macro_auc_interval(reference, np.stack([1 - scores, scores], axis=1), own(50))
    single = auc_interval(reference == 1, scores, own(50))
    assert found is not None
    assert single is not None
    assert (found.low, found.high) == pytest.approx((single.low, single.high), abs=1e-9)


def test_macro_leaves_out_absent_classes_and_knows_none_of_one_class() -> None:
    probabilities = special.softmax(np.random.default_rng(5).normal(0, 1, (20, 3)), axis=1)
    reference = np.arange(20) % 2
    found = macro_auc_interval(reference, probabilities, own(20))
    assert found is not None
    areas = [auc(reference == label, probabilities[:, label]) for label in (0, 1)]
    assert found.estimate == pytest.approx(sum(area for area in areas if area is not None) / 2)
    nothing = np.zeros(20, dtype=int)
    assert macro_auc_interval(nothing, probabilities, own(20)) is None
    assert macro_auc_difference(nothing, probabilities, probabilities, own(20)) is None


def test_difference_of_models() -> None:
    generator = np.random.default_rng(6)
    reference = generator.integers(0, 3, 200)
    shared, noise = generator.normal(0, 1, (200, 3)), generator.normal(0, 1, (200, 3))
    better = special.softmax(shared + 2.5 * np.eye(3)[reference], axis=1)
    worse = special.softmax(shared + 0.5 * noise + np.eye(3)[reference], axis=1)
    found = macro_auc_difference(reference, better, worse, own(200))
    mirrored = macro_auc_difference(reference, worse, better, own(200))
    assert found is not None
    assert mirrored is not None
    assert 0 < found.low < found.estimate < found.high < 1
    assert (-mirrored.high, -mirrored.low) == pytest.approx((found.low, found.high))
    same = macro_auc_difference(reference, better, better.copy(), own(200))
    assert same is not None
    assert (same.estimate, same.low, same.high) == (0.0, 0.0, 0.0)


def test_two_perfect_models_of_few_cases_may_differ() -> None:
    reference = np.arange(12) % 3
    sharp, soft = (special.softmax(scale * np.eye(3)[reference], axis=1) for scale in (9.0, 3.0))
    found = macro_auc_difference(reference, sharp, soft, own(12))
    assert found is not None
    assert found.low < -0.2 < 0.2 < found.high


def test_pairing_narrows() -> None:
    generator = np.random.default_rng(7)
    reference = generator.integers(0, 2, 300)
    scores = generator.normal(0, 1, 300) + reference
    near, far = scores + 0.1 * generator.normal(0, 1, 300), generator.normal(0, 1, 300) + reference

    def both(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([special.expit(-values), special.expit(values)], axis=1)

    paired = macro_auc_difference(reference, both(near), both(scores), own(300))
    unpaired = macro_auc_difference(reference, both(far), both(scores), own(300))
    assert paired is not None
    assert unpaired is not None
    assert paired.high - paired.low < 0.4 * (unpaired.high - unpaired.low)


def test_codes_follow_names() -> None:
    assert cluster_codes(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
