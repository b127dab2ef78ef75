import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy.spatial.distance import cdist

from medgantry.evaluation.segmentation.surface_distance import SurfaceComparison, compare_surfaces

SPACINGS_MM = st.sampled_from([0.4, 0.7, 1.0, 1.25, 3.0])
TOLERANCES_MM = st.sampled_from([0.0, 0.4, 1.0, 1.4, 2.5])


def _ball(
    radius_mm: float, middle_mm: tuple[float, float, float], spacing_mm: tuple[float, ...]
) -> np.ndarray:
    centres = np.stack(np.meshgrid(*[np.arange(40) * step for step in spacing_mm], indexing="ij"), axis=-1)
    return np.linalg.norm(centres - np.array(middle_mm), axis=-1) <= radius_mm


def _box(start: int) -> np.ndarray:
    mask = np.zeros((16, 14, 14), dtype=bool)
    mask[start : start + 10, 2:12, 2:12] = True
    return mask


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[float]]:
    shape = draw(st.sampled_from([(5, 4, 6), (3, 3, 1), (7, 6)]))
    masks = arrays(bool, shape, elements=st.booleans()).filter(np.any)
    return draw(masks), draw(masks), [draw(SPACINGS_MM) for _ in shape]


@given(_pairs(), TOLERANCES_MM)
def test_agrees_with_monais_measures(
    pair: tuple[np.ndarray, np.ndarray, list[float]], tolerance: float
) -> None:
    predicted, reference, spacing = pair
    tensors = [torch.from_numpy(mask)[None, None] for mask in (predicted, reference)]
    found = compare_surfaces(predicted, reference, spacing_mm=spacing, tolerance_mm=tolerance)
    nsd = compute_surface_dice(*tensors, [tolerance], include_background=True, spacing=spacing)
    hd95 = compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=spacing)
    assert found.nsd == pytest.approx(nsd.item(), rel=1e-6)
    # MONAI interpolates the percentile in float32, so it is off by a rounding of its place in the list.
    assert found.hd95_mm == pytest.approx(hd95.item(), rel=1e-6, abs=1e-4)


@given(_pairs(), st.sampled_from([0.3, 1.1, 2.6]))
def test_agrees_with_every_distance_computed(
    pair: tuple[np.ndarray, np.ndarray, list[float]], tolerance: float
) -> None:
    surfaces = []
    for mask in pair[:2]:
        padded = np.pad(mask, 1)
        neighbours = [np.roll(padded, step, axis) for axis in range(mask.ndim) for step in (-1, 1)]
        surfaces.append(np.argwhere(padded & ~np.all(neighbours, axis=0)) * np.array(pair[2]))
    distances = cdist(*surfaces)
    directed = [distances.min(axis=1), distances.min(axis=0)]
    found = compare_surfaces(*pair[:2], spacing_mm=pair[2], tolerance_mm=tolerance)
    assert found.nsd == pytest.approx(np.mean(np.concatenate(directed) <= tolerance), rel=1e-12)
    assert found.hd95_mm == pytest.approx(max(np.percentile(each, 95) for each in directed), rel=1e-6)


@given(_pairs(), TOLERANCES_MM)
def test_symmetric_and_bounded(pair: tuple[np.ndarray, np.ndarray, list[float]], tolerance: float) -> None:
    one, other, spacing = pair
    found = compare_surfaces(one, other, spacing_mm=spacing, tolerance_mm=tolerance)
    assert found == compare_surfaces(other, one, spacing_mm=spacing, tolerance_mm=tolerance)
    assert 0.0 <= found.nsd <= 1.0
    same = compare_surfaces(one, one, spacing_mm=spacing, tolerance_mm=0.0)
    assert same == SurfaceComparison(nsd=1.0, hd95_mm=0.0)


def test_a_box_moved_by_two_voxels() -> None:
    """Of 488 surface voxels, eight rings of 36 lie on the other box's surface; the front is 3 mm away."""
    for tolerance_mm, nsd in ((0.0, 8 * 36 / 488), (3.0, 1.0)):
        found = compare_surfaces(_box(2), _box(4), spacing_mm=(1.5, 1.0, 1.0), tolerance_mm=tolerance_mm)
        assert found == SurfaceComparison(nsd=nsd, hd95_mm=3.0)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.8, 1.0, 1.3)])
def test_balls_around_one_middle_differ_by_their_radii(spacing_mm: tuple[float, float, float]) -> None:
    middle_mm = (16.0, 17.0, 18.0)
    pair = _ball(9.0, middle_mm, spacing_mm), _ball(13.0, middle_mm, spacing_mm)
    voxel_mm = float(np.linalg.norm(spacing_mm)) / 2
    for tolerance_mm, nsd in ((4.0 - voxel_mm, 0.0), (4.0 + voxel_mm, 1.0)):
        found = compare_surfaces(*pair, spacing_mm=spacing_mm, tolerance_mm=tolerance_mm)
        assert found.nsd == pytest.approx(nsd, abs=0.06)
        assert found.hd95_mm == pytest.approx(4.0, abs=voxel_mm)


def test_the_arrays_border_is_a_surface() -> None:
    full, core = np.ones((5, 5, 5), dtype=bool), np.pad(np.ones((3, 3, 3), dtype=bool), 1)
    found = compare_surfaces(full, full, spacing_mm=(1, 1, 1), tolerance_mm=0)
    assert found == SurfaceComparison(nsd=1.0, hd95_mm=0.0)
    found = compare_surfaces(full, core, spacing_mm=(1, 1, 2), tolerance_mm=0)
    assert found.nsd == 0.0
    assert found.hd95_mm is not None
    assert found.hd95_mm > 2.0
    wider = compare_surfaces(np.pad(full, 3), np.pad(core, 3), spacing_mm=(1, 1, 2), tolerance_mm=0)
    assert wider == found


def test_empty_masks() -> None:
    empty, full = np.zeros((2, 2, 2), dtype=bool), np.ones((2, 2, 2), dtype=bool)
    for one, other, nsd in ((empty, empty, 1.0), (empty, full, 0.0), (full, empty, 0.0)):
        found = compare_surfaces(one, other, spacing_mm=(1, 1, 1), tolerance_mm=1)
        assert found == SurfaceComparison(nsd=nsd, hd95_mm=None)


def test_what_makes_no_sense_is_refused() -> None:
    mask = np.ones((2, 2), dtype=bool)
    with pytest.raises(ValueError, match="one shape"):
        compare_surfaces(mask, np.ones((2, 1), dtype=bool), spacing_mm=(1, 1), tolerance_mm=1)
    for spacing_mm in ((1, 1, 1), (1, 0), (1, float("nan"))):
        with pytest.raises(ValueError, match="spacing_mm must be 2 positive"):
            compare_surfaces(mask, mask, spacing_mm=spacing_mm, tolerance_mm=1)
    for tolerance_mm in (-1, float("inf")):
        with pytest.raises(ValueError, match="tolerance_mm"):
            compare_surfaces(mask, mask, spacing_mm=(1, 1), tolerance_mm=tolerance_mm)
