import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from medgantry.statistics.mean import clustered_mean

UNIT = (0.0, 1.0)
PAIRS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcdef")), min_size=1, max_size=30)


def own(values: object) -> list[str]:
    return [str(index) for index in range(len(list(values)))]  # type: ignore[call-overload]


@settings(deadline=None, max_examples=100)
@given(PAIRS)
def test_a_bounded_interval_stays_within_its_bounds_and_holds_the_mean(
    pairs: list[tuple[float, str]],
) -> None:
    values, groups = [value for value, _ in pairs], [group for _, group in pairs]
    found = clustered_mean(values, groups, bounds=UNIT)
    assert found.estimate == pytest.approx(np.mean(values))
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.low < found.high
    assert (found.n, found.groups) == (len(values), len(set(groups)))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from("abcdef")), min_size=2, max_size=30))
def test_an_unbounded_interval_is_finite_and_mirrors(pairs: list[tuple[float, str]]) -> None:
    values, groups = np.array([value for value, _ in pairs]), [group for _, group in pairs]
    if len(set(groups)) == 1:
        return
    found, mirrored = clustered_mean(list(values), groups), clustered_mean(list(-values), groups)
    assert np.isfinite([found.low, found.estimate, found.high]).all()
    assert found.low <= found.estimate <= found.high
    assert (-mirrored.high, -mirrored.low) == pytest.approx((found.low, found.high))


@given(st.integers(0, 60), st.integers(0, 60))
def test_shares_of_single_cases_have_wilsons_limits(successes: int, failures: int) -> None:
    if successes + failures < 2:
        return
    values = [1.0] * successes + [0.0] * failures
    found = clustered_mean(values, own(values), bounds=UNIT)
    expected = stats.binomtest(successes, successes + failures).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_differences_of_single_cases_have_students_limits() -> None:
    values = np.random.default_rng(0).normal(0.02, 0.1, 40)
    found = clustered_mean(list(values), own(values))
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_patients_count_not_images() -> None:
    values = [0.0] * 50 + [1.0] * 50
    images = clustered_mean(values, own(values), bounds=UNIT)
    patients = clustered_mean(values, ["a"] * 50 + ["b"] * 50, bounds=UNIT)
    assert images.high - images.low < 0.25
    assert patients.high - patients.low > 0.95


def test_copies_of_every_image_add_nothing() -> None:
    values = list(np.random.default_rng(1).beta(8, 2, 30))
    once = clustered_mean(values, own(values), bounds=UNIT)
    thrice = clustered_mean(values * 3, own(values) * 3, bounds=UNIT)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))
    right = [float(value > 0.5) for value in values]
    assert clustered_mean(right * 3, own(values) * 3, bounds=UNIT).low < 0.9


@pytest.mark.parametrize("value", [0.0, 0.7, 1.0])
def test_cases_that_all_agree_are_not_certain(value: float) -> None:
    values = [value] * 20
    for groups in (own(values), own(values[:10]) * 2):
        found = clustered_mean(values, groups, bounds=UNIT)
        assert found.high - found.low > 0.15
        assert found.low <= value <= found.high


def test_one_patient_knows_nothing() -> None:
    found = clustered_mean([0.2, 0.4], ["a", "a"], bounds=UNIT)
    assert (found.low, found.high) == UNIT
    assert "one group" in found.method
    with pytest.raises(ValueError, match="two groups"):
        clustered_mean([0.2, 0.4], ["a", "a"])


def test_no_difference_in_any_case_is_no_difference() -> None:
    found = clustered_mean([0.0] * 10, own(range(10)))
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_same_difference_everywhere_needs_six_patients_to_exclude_none() -> None:
    lows = {count: clustered_mean([1.0] * count, own(range(count))).low for count in (2, 5, 6, 50)}
    assert lows[2] < lows[5] < 0 < lows[6] < lows[50] < 1


def test_other_bounds_scale() -> None:
    values = np.random.default_rng(2).beta(2, 5, 30)
    unit = clustered_mean(list(values), own(values), bounds=UNIT)
    wide = clustered_mean(list(4 * values - 1), own(values), bounds=(-1, 3))
    assert (wide.low, wide.high) == pytest.approx((4 * unit.low - 1, 4 * unit.high - 1))


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_cases_decides_nothing(pairs: list[tuple[float, str]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (
        clustered_mean([value for value, _ in some], [group for _, group in some], bounds=UNIT)
        for some in (pairs, shuffled)
    )
    assert (first.low, first.high) == pytest.approx((second.low, second.high), abs=1e-6)


def test_what_is_no_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="2 values and 1 groups"):
        clustered_mean([0.1, 0.2], ["a"])
    with pytest.raises(ValueError, match="finite"):
        clustered_mean([0.1, float("nan")], ["a", "b"])
    with pytest.raises(ValueError, match="must lie in"):
        clustered_mean([0.1, 1.2], ["a", "b"], bounds=UNIT)


def test_the_document_is_plain() -> None:
    document = clustered_mean([0.5, 0.6, 0.9], ["a", "b", "b"], bounds=UNIT).document()
    assert list(document) == ["estimate", "low", "high", "n", "groups", "method"]
    assert {type(document[key]) for key in ("estimate", "low", "high")} == {float}
