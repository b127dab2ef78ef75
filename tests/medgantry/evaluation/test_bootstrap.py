import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.evaluation.bootstrap import clustered_mean


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcdef")), min_size=1, max_size=30))
def test_the_interval_lies_within_the_values(pairs: list[tuple[float, str]]) -> None:
    values, groups = [value for value, _ in pairs], [group for _, group in pairs]
    found = clustered_mean(values, groups)
    assert found["estimate"] == pytest.approx(np.mean(values))
    assert min(values) - 1e-9 <= found["low"] <= found["high"] <= max(values) + 1e-9
    assert (found["n"], found["groups"]) == (len(values), len(set(groups)))


def test_it_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, 400)
    found = clustered_mean(list(values), [str(index) for index in range(400)])
    half = 1.96 * values.std() / 20
    assert found["low"] == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found["high"] == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_patients_are_drawn_not_images() -> None:
    values = [0.0] * 50 + [1.0] * 50
    images = clustered_mean(values, [str(index) for index in range(100)])
    patients = clustered_mean(values, ["a"] * 50 + ["b"] * 50)
    assert images["high"] - images["low"] < 0.25
    assert (patients["low"], patients["high"]) == (0.0, 1.0)


def test_the_order_and_the_seed_decide_nothing_else() -> None:
    values, groups = [0.1, 0.5, 0.9, 0.4], ["b", "a", "c", "a"]
    found = clustered_mean(values, groups, seed=3)
    assert found == clustered_mean(values, groups, seed=3)
    assert found == pytest.approx(clustered_mean(values[::-1], groups[::-1], seed=3))


def test_one_patient_has_no_spread() -> None:
    found = clustered_mean([0.2, 0.4], ["a", "a"])
    assert found["low"] == found["high"] == pytest.approx(0.3)


def test_no_values_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="zip"):
        clustered_mean([0.1], ["a", "b"])
