import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medgantry.evaluation.registration.folding import jacobian_determinant, regularity

GRID = (7, 8, 9)
PLACES = np.indices(GRID, dtype=float)


def test_a_translation_keeps_volume() -> None:
    field = np.broadcast_to(np.array([1.0, -2.0, 0.5])[:, None, None, None], (3, *GRID))
    assert jacobian_determinant(field) == pytest.approx(np.ones((3, 4, 5)), abs=1e-12)
    assert regularity(field).folded_share == 0.0
    assert regularity(field).sd_log_jacobian == pytest.approx(0.0, abs=1e-12)


def test_scaling_multiplies_volume() -> None:
    field = PLACES * np.array([0.5, 1.0, -0.25])[:, None, None, None]
    assert jacobian_determinant(field) == pytest.approx(np.full((3, 4, 5), 1.5 * 2.0 * 0.75), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float64, np.float32]))
def test_affine_fields_have_their_matrix_determinant(seed: int, kind: type) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(0, 0.7, (3, 3))
    field = np.tensordot(matrix, PLACES, 1) + rng.normal(0, 5, (3, 1, 1, 1))
    found = jacobian_determinant(field.astype(kind))
    wanted = np.linalg.det(np.eye(3) + matrix)
    assert np.abs(found - wanted).max() < (1e-9 if kind is np.float64 else 1e-4)
    assert regularity(field).folded_share == float(wanted <= 0)


@given(st.integers(0, 2**32 - 1))
def test_any_field_agrees_with_numpys_gradient(seed: int) -> None:
    field = np.random.default_rng(seed).normal(0, 1, (3, *GRID))
    matrix = np.stack([np.stack(np.gradient(component)) for component in field])
    wanted = np.linalg.det(np.moveaxis(matrix, (0, 1), (-2, -1)) + np.eye(3))[2:-2, 2:-2, 2:-2]
    assert np.abs(jacobian_determinant(field) - wanted).max() < 1e-9
    found = regularity(field)
    assert found.folded_share == np.mean(wanted <= 0)
    assert found.sd_log_jacobian == pytest.approx(np.log(np.clip(wanted + 3, 1e-9, 1e9)).std(), abs=1e-9)


def test_a_fold_is_found_where_it_is() -> None:
    """Along k, x + 3 sin(x) runs backwards where 1 + 3 cos(x) < 0; two planes of half a grid do so."""
    field = np.zeros((3, 20, 20, 20))
    field[2, 10:] = 3 * np.sin(np.arange(20))
    # The central difference of sin is sin(1) cos(x).
    folded_planes = np.count_nonzero(1 + 3 * np.sin(1) * np.cos(np.arange(2, 18)) <= 0)
    assert 0 < folded_planes < 16
    assert regularity(field).folded_share == folded_planes * 8 / 16 / 16
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[:9] = True
    assert regularity(field, mask).folded_share == 0.0
    assert regularity(field, mask).sd_log_jacobian == pytest.approx(0.0, abs=1e-12)
    assert regularity(field, ~mask).folded_share > folded_planes / 16 / 2


def test_learn2regs_deviation_of_a_known_field() -> None:
    """Half of the counted voxels keep their volume, half double it: ln 4 and ln 5."""
    field = np.zeros((3, 12, 6, 6))
    field[1, 6:] = np.arange(6)[:, None]
    assert regularity(field).sd_log_jacobian == pytest.approx((np.log(5) - np.log(4)) / 2, abs=1e-12)


def test_what_does_not_fit_is_refused() -> None:
    field = np.zeros((3, *GRID))
    with pytest.raises(ValueError, match="5 or more"):
        jacobian_determinant(np.zeros((3, 4, 9, 9)))
    with pytest.raises(ValueError, match=r"\(3, i, j, k\)"):
        jacobian_determinant(np.zeros((*GRID, 3)))
    with pytest.raises(ValueError, match="mask must be"):
        regularity(field, np.ones((7, 8, 8), dtype=bool))
    border = np.ones(GRID, dtype=bool)
    border[2:-2, 2:-2, 2:-2] = False
    with pytest.raises(ValueError, match="No voxel"):
        regularity(field, border)
    with pytest.raises(ValueError, match="finite"):
        regularity(np.full((3, *GRID), np.nan))
