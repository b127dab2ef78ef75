import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize, special

from medgantry.evaluation.classification.calibration import negative_log_likelihood
from medgantry.evaluation.classification.temperature import BOUNDS, apply_temperature, fit_temperature


def calibrated(cases: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (cases, classes))
    thresholds = special.softmax(logits, axis=1).cumsum(axis=1)
    reference = (generator.random((cases, 1)) > thresholds[:, :-1]).sum(axis=1)
    return logits, reference


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_it_undoes_a_factor(factor: float) -> None:
    logits, reference = calibrated(20_000)
    assert fit_temperature(factor * logits, reference) == pytest.approx(factor, rel=0.04)


def test_it_is_the_minimum() -> None:
    logits, reference = calibrated(200)

    def loss(log_temperature: float) -> float:
        probabilities = apply_temperature(logits, float(np.exp(log_temperature)))
        return float(negative_log_likelihood(reference, probabilities).mean())

    best = optimize.minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded", options={"xatol": 1e-9})
    assert fit_temperature(logits, reference) == pytest.approx(np.exp(best.x), rel=1e-4)


def test_probabilities_are_a_softmax() -> None:
    logits = np.random.default_rng(1).normal(0, 5, (20, 4)).astype(np.float32)
    found = apply_temperature(logits, 2.0)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, special.softmax(logits.astype(np.float64) / 2, axis=1), atol=1e-12)
    np.testing.assert_array_equal(apply_temperature(np.array([[1e4, -1e4]]), 0.05), [[1.0, 0.0]])


def test_what_validation_does_not_determine() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0
    assert fit_temperature(np.zeros((5, 3)), np.zeros(5, dtype=int)) == 1.0
    assert fit_temperature(1e4 * np.eye(3), np.arange(3)) == 1.0
    assert fit_temperature(np.array([[1.0, 0.0]]), np.array([0])) == BOUNDS[0]
    assert fit_temperature(np.array([[1.0, 0.0]]), np.array([1])) == BOUNDS[1]
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))


@settings(deadline=None)
@given(arrays(float, (6, 3), elements=st.floats(-1e6, 1e6)), arrays(int, 6, elements=st.integers(0, 2)))
def test_it_is_always_within_bounds(logits: np.ndarray, reference: np.ndarray) -> None:
    temperature = fit_temperature(logits, reference)
    assert BOUNDS[0] <= temperature <= BOUNDS[1]
    probabilities = apply_temperature(logits, temperature)
    assert np.isfinite(probabilities).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)
