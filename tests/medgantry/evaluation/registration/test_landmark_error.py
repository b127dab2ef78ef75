import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.networks.blocks import Warp

from medgantry.evaluation.registration.landmark_error import landmark_errors

GRID = (8, 9, 10)
SPACING_MM = (1.5, 0.7, 2.0)


def _affine(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A matrix, an offset and the displacement x -> A x + b - x on the grid."""
    matrix, offset = np.eye(3) + rng.normal(0, 0.3, (3, 3)), rng.normal(0, 2, 3)
    places = np.indices(GRID, dtype=float)
    return matrix, offset, np.tensordot(matrix, places, 1) + offset[:, None, None, None] - places


def test_a_translation_found_brings_the_error_to_zero() -> None:
    fixed = np.array([[0.0, 0.0, 0.0], [7.0, 8.0, 9.0], [2.3, 4.5, 6.7], [-0.5, 8.5, 9.5]])
    shift = np.array([2.0, -1.0, 0.5])
    field = np.broadcast_to(shift[:, None, None, None], (3, *GRID))
    found = landmark_errors(fixed, fixed + shift, field, spacing_mm=SPACING_MM)
    assert found.before_mm == pytest.approx(np.full(4, np.sqrt(3.0**2 + 0.7**2 + 1.0**2)), abs=1e-12)
    assert found.after_mm == pytest.approx(np.zeros(4), abs=1e-12)
    wrong = landmark_errors(fixed, fixed + shift, -field, spacing_mm=SPACING_MM)
    assert wrong.mean_after_mm == pytest.approx(2 * found.mean_before_mm, rel=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_affine_fields_are_exact_between_voxels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, offset, field = _affine(rng)
    fixed, moving = rng.uniform(0, np.array(GRID) - 1, (5, 3)), rng.uniform(0, 9, (5, 3))
    found = landmark_errors(fixed, moving, field, spacing_mm=SPACING_MM)
    direct = np.linalg.norm((fixed @ matrix.T + offset - moving) * SPACING_MM, axis=1)
    assert np.abs(found.after_mm - direct).max() < 1e-9
    assert found.mean_after_mm == pytest.approx(direct.mean(), abs=1e-9)
    assert found.before_mm == pytest.approx(np.linalg.norm((fixed - moving) * SPACING_MM, axis=1), abs=1e-9)


def test_directions_are_those_of_monais_warp() -> None:
    """One bright voxel, warped, is bright where the landmark's displacement leads back to it."""
    moving = torch.zeros(1, 1, *GRID)
    moving[0, 0, 5, 3, 6] = 1.0
    field = torch.zeros(1, 3, *GRID)
    field[0, :, :, :, :] = torch.tensor([1.0, -2.0, 3.0])[:, None, None, None]
    with pytest.warns(UserWarning, match="grid_sample"):
        warped = Warp(mode="bilinear", padding_mode="zeros")(moving, field)
    fixed = np.argwhere(warped[0, 0].numpy() > 0.5).astype(float)
    found = landmark_errors(fixed, np.array([[5.0, 3.0, 6.0]]), field[0].numpy(), spacing_mm=SPACING_MM)
    assert found.after_mm == pytest.approx([0.0], abs=1e-6)


def test_landmarks_outside_of_the_grid_are_named() -> None:
    fixed = np.array([[1.0, 1.0, 1.0], [7.6, 1.0, 1.0], [1.0, -0.6, 1.0]])
    with pytest.raises(ValueError, match=r"1 at \(7.6, 1.0, 1.0\), 2 at \(1.0, -0.6, 1.0\)\. Check"):
        landmark_errors(fixed, fixed, np.zeros((3, *GRID)), spacing_mm=SPACING_MM)
    with pytest.raises(ValueError, match=r"0 at .* 4 at .* and 2 more"):
        landmark_errors(np.full((7, 3), 90.0), np.ones((7, 3)), np.zeros((3, *GRID)), spacing_mm=SPACING_MM)
    with pytest.raises(ValueError, match="nan"):
        landmark_errors(np.full((1, 3), np.nan), np.ones((1, 3)), np.zeros((3, *GRID)), spacing_mm=SPACING_MM)


def test_what_does_not_fit_is_refused() -> None:
    points, field = np.ones((2, 3)), np.zeros((3, *GRID))
    for fixed, moving in ((points[:0], points[:0]), (points, points[:1]), (points[:, :2], points[:, :2])):
        with pytest.raises(ValueError, match="one shape"):
            landmark_errors(fixed, moving, field, spacing_mm=SPACING_MM)
    with pytest.raises(ValueError, match=r"\(3, i, j, k\)"):
        landmark_errors(points, points, np.moveaxis(field, 0, -1), spacing_mm=SPACING_MM)
    with pytest.raises(ValueError, match="spacing_mm"):
        landmark_errors(points, points, field, spacing_mm=(1, 1, 0))
    with pytest.raises(ValueError, match="finite"):
        landmark_errors(points, points, np.full((3, *GRID), np.nan), spacing_mm=SPACING_MM)
    with pytest.raises(ValueError, match="finite"):
        landmark_errors(points, points * np.nan, field, spacing_mm=SPACING_MM)
