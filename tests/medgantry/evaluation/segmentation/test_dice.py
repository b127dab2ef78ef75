import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medgantry.evaluation.segmentation.dice import dice

MASKS = arrays(bool, (3, 4, 2), elements=st.booleans())


def test_known_values() -> None:
    a = np.array([1, 1, 0, 0], dtype=bool)
    b = np.array([0, 1, 1, 1], dtype=bool)
    assert dice(a, b) == 2 / 5
    assert dice(a, a) == 1.0
    assert dice(a, ~a) == 0.0


def test_empty_masks() -> None:
    empty, full = np.zeros((2, 2), dtype=bool), np.ones((2, 2), dtype=bool)
    assert dice(empty, empty) == 1.0
    assert dice(full, empty) == 0.0
    assert dice(empty, full) == 0.0


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        dice(np.zeros((2, 2), dtype=bool), np.zeros((1, 2), dtype=bool))


@given(MASKS, MASKS)
def test_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    value = dice(a, b)
    assert 0.0 <= value <= 1.0
    assert value == dice(b, a)
    assert (value == 1.0) == np.array_equal(a, b)
