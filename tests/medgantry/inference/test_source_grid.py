import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.inference.source_grid import source_blocks, source_slabs, to_source_grid
from tests.medgantry.transforms.agreement import affines

SHAPE = (7, 6, 5)


@pytest.fixture
def field() -> np.ndarray:
    return np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)


def _affine(*spacing: float) -> np.ndarray:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-10.0, 20.0, 5.5]
    return affine


def test_the_same_grid_changes_nothing(field: np.ndarray) -> None:
    affine = _affine(1.5, 1.5, 2.0)
    found = to_source_grid(field, affine, SHAPE, affine)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, field)


@pytest.mark.parametrize("code", ["LPS", "LAS", "RPI", "SAR"])
def test_an_orientation_is_undone(field: np.ndarray, code: str) -> None:
    affine = _affine(1.5, 1.0, 2.0)
    ornt = nib.orientations.axcodes2ornt(code)
    source = np.stack([nib.orientations.apply_orientation(region, ornt) for region in field])
    source_affine = affine @ nib.orientations.inv_ornt_aff(ornt, SHAPE)
    found = to_source_grid(field, affine, source.shape[1:], source_affine)
    np.testing.assert_allclose(found, source, atol=1e-5)


def test_a_ramp_is_exact_between_voxels() -> None:
    ramp = np.arange(8, dtype=np.float32)[None, :, None, None] * np.ones((1, 8, 4, 4), dtype=np.float32)
    fine = np.diag([0.5, 1.0, 1.0, 1.0])
    found = to_source_grid(ramp, np.eye(4), (15, 4, 4), fine)
    np.testing.assert_allclose(found[0, :, 1, 1], np.arange(15) / 2, atol=1e-6)


def test_half_a_voxel_over_the_border_the_value_holds_and_far_away_is_nothing() -> None:
    ones = np.ones((1, 4, 4, 4), dtype=np.float32)
    # Two source voxels in each of the grid's: their centres lie a quarter voxel outside at the rim.
    fine = np.diag([0.5, 0.5, 0.5, 1.0])
    fine[:3, 3] = -0.25
    np.testing.assert_array_equal(to_source_grid(ones, np.eye(4), (8, 8, 8), fine), 1.0)
    half = np.eye(4)
    half[:3, 3] = -0.5
    np.testing.assert_array_equal(to_source_grid(ones, np.eye(4), (5, 5, 5), half), 1.0)
    wide = np.eye(4)
    wide[:3, 3] = -3.0
    found = to_source_grid(ones, np.eye(4), (10, 10, 10), wide)[0]
    assert found[:2].max() == 0.0
    assert found[-2:].max() == 0.0
    np.testing.assert_array_equal(found[3:7, 3:7, 3:7], 1.0)


def test_slabs_make_up_the_whole(field: np.ndarray) -> None:
    fine = np.diag([0.7, 1.2, 0.11, 1.0])
    fine[:3, 3] = [0.2, -0.4, -0.3]
    shape = (9, 5, 45)
    whole = to_source_grid(field, np.eye(4), shape, fine)
    slabs = list(source_slabs(field, np.eye(4), shape, fine))
    assert [(slab.start, slab.stop) for slab, _ in slabs] == [(0, 16), (16, 32), (32, 45)]
    np.testing.assert_allclose(np.concatenate([found for _, found in slabs], axis=-1), whole, atol=1e-6)


def _assembled(parts, shape: tuple[int, int, int]) -> np.ndarray:
    found = np.full((2, *shape), np.nan, dtype=np.float32)
    for place, part in parts:
        found[(slice(None), *place)] = part
    return found


@given(affines(), affines(), st.tuples(*[st.integers(1, 20)] * 3))
@settings(deadline=None, max_examples=100)
def test_axis_by_axis_is_what_a_grid_at_any_angle_gives(
    affine: np.ndarray, source_affine: np.ndarray, shape: tuple[int, int, int]
) -> None:
    field = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    # Near enough to overlap, and never just one voxel beyond the rim, where rounding decides what there is.
    source_affine[:3, 3] = affine[:3, 3] + [0.313, -1.017, 2.529]
    slabs = source_slabs(field, affine, shape, source_affine)
    wanted = _assembled((((slice(None), slice(None), slab), part) for slab, part in slabs), shape)
    found = to_source_grid(field, affine, shape, source_affine)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    blocks = _assembled(source_blocks(field, affine, shape, source_affine), shape)
    np.testing.assert_array_equal(blocks, found)


@pytest.mark.parametrize("angle", [1e-6, 0.4])
def test_an_oblique_source_in_parts(field: np.ndarray, angle: float) -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    parts = source_blocks(field, np.eye(4), (9, 8, 21), turn)
    whole = to_source_grid(field, np.eye(4), (9, 8, 21), turn)
    np.testing.assert_allclose(_assembled(parts, (9, 8, 21)), whole, atol=1e-6)
    np.testing.assert_allclose(whole[:, 0, 0, 0], field[:, 0, 0, 0], atol=1e-6)
