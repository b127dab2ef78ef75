import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medgantry.errors import InvalidInput
from medgantry.sharding.encoding import RELATIVE_ERROR, decode, encode


def _round_trip(values: np.ndarray) -> np.ndarray:
    encoded = encode(values)
    return decode(encoded.stored, encoded.scale, encoded.offset)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0.0, 1.0]), np.uint8),
        (np.array([True, False]), np.uint8),
        (np.array([0, 255], dtype=np.int64), np.uint8),
        (np.array([-1.0, 3.0]), np.int16),
        (np.array([256.0]), np.int16),
        (np.array([-32768, 32767], dtype=np.int32), np.int16),
        (np.array([0.5, -3.25], dtype=np.float32), np.float16),
        (np.array([40000.0, 0.5]), np.float16),
        (np.array([70000.5, -3.0]), np.int16),
    ],
)
def test_the_smallest_type_that_holds_is_chosen(values: np.ndarray, dtype: type) -> None:
    assert encode(values).stored.dtype == dtype


@given(arrays(np.int32, (3, 4), elements=st.integers(-32768, 32767)))
def test_small_whole_numbers_are_exact(values: np.ndarray) -> None:
    np.testing.assert_array_equal(_round_trip(values), values)


@pytest.mark.filterwarnings("error")
@given(arrays(np.float32, (2, 3), elements=st.floats(-(2.0**120), 2.0**120, width=32)))
def test_the_error_is_within_what_is_allowed(values: np.ndarray) -> None:
    error = np.abs(_round_trip(values).astype(np.float64) - values).max()
    assert error <= RELATIVE_ERROR * np.abs(values).max()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [100000.0, -70000.5, 1e-7])
def test_a_constant_volume(value: float) -> None:
    np.testing.assert_allclose(_round_trip(np.full((2, 2), value, dtype=np.float32)), value, rtol=1e-3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(wrong: float) -> None:
    with pytest.raises(InvalidInput, match="1 values that are not finite"):
        encode(np.array([0.0, wrong]))
