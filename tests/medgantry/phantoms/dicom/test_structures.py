from pathlib import Path

import numpy as np
import pydicom
import pytest

from medgantry.phantoms.dicom.series import make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.dicom.structures import (
    STRUCTURES,
    StructureCase,
    StructureSpec,
    make_structures,
    region_with_a_hole,
)
from medgantry.phantoms.dicom.structures.contours import join, trace


def _fill(outline: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (row, column) whose centre is inside, by counting crossings to their right."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
    inside = np.zeros(shape, dtype=bool)
    for (row, column), (next_row, next_column) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if row == next_row:
            continue
        crosses = (row > rows) != (next_row > rows)
        at = column + (rows - row) * (next_column - column) / (next_row - row)
        inside ^= crosses & (columns < at)
    return inside


def _masks(case: StructureCase, path: Path) -> dict[int, np.ndarray]:
    """Masks by ROINumber, of a file, on the grid of the series."""
    write_dataset(case.structures.dataset, path)
    dataset = pydicom.dcmread(path)
    series = case.series
    masks = {}
    for item in dataset.ROIContourSequence:
        mask = np.zeros(series.voxels.shape, dtype=bool)
        for contour in item.get("ContourSequence", []):
            points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
            assert len(points) == contour.NumberOfContourPoints
            homogeneous = np.hstack([points, np.ones((len(points), 1))])
            index = homogeneous @ np.linalg.inv(series.affine).T
            place = round(float(index[0, 0]))
            if contour.ContourGeometricType != "POINT":
                mask[place] ^= _fill(index[:, 1:3], series.voxels.shape[1:])
        masks[int(item.ReferencedROINumber)] = mask
    return masks


@pytest.mark.parametrize("name", [n for n in STRUCTURES if n != "off by half a slice"])
def test_filling_the_contours_gives_the_truth(name: str, tmp_path: Path) -> None:
    case = STRUCTURES[name](0)
    found = _masks(case, tmp_path / "1.dcm")
    for region in case.structures.regions:
        assert region.mask.any()
        np.testing.assert_array_equal(found[region.number], region.mask, err_msg=region.name)


@pytest.mark.parametrize("seed", range(6))
def test_any_mask_comes_back_from_its_outlines(seed: int) -> None:
    mask = np.random.Generator(np.random.Philox(seed)).random((14, 17)) < 0.2 + 0.1 * seed
    separate = np.zeros_like(mask)
    joined = np.zeros_like(mask)
    for outlines in trace(mask):
        joined ^= _fill(join(outlines), mask.shape)
        for outline in outlines:
            separate ^= _fill(outline, mask.shape)
    np.testing.assert_array_equal(separate, mask)
    np.testing.assert_array_equal(joined, mask)


def test_outlines_of_a_ring() -> None:
    mask = np.zeros((5, 5), dtype=bool)
    mask[1:4, 1:4] = True
    mask[2, 2] = False
    ((outer, hole),) = trace(mask)
    assert {tuple(point) for point in outer.tolist()} == {(0.5, 0.5), (0.5, 3.5), (3.5, 3.5), (3.5, 0.5)}
    assert {tuple(point) for point in hole.tolist()} == {(1.5, 1.5), (1.5, 2.5), (2.5, 2.5), (2.5, 1.5)}
    assert len(join([outer, hole])) == 4 + 4 + 2


def test_keyholes_need_fewer_contours() -> None:
    series = make_series(SeriesSpec(slices=10))
    masks = [("Ring", region_with_a_hole(series))]

    def contours(spec: StructureSpec) -> list[pydicom.Dataset]:
        return list(make_structures(series, masks, spec).dataset.ROIContourSequence[0].ContourSequence)

    separate, joined = contours(StructureSpec()), contours(StructureSpec(holes="keyhole"))
    assert len(separate) > len(joined)
    kinds = {contour.ContourGeometricType for contour in contours(StructureSpec(holes="closedplanar_xor"))}
    assert kinds == {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}


def test_every_case_says_what_it_is() -> None:
    for name, make in STRUCTURES.items():
        case = make(1)
        assert case.name == name
        assert case.why.endswith(".")
        assert case.expected not in case.also_acceptable
    lost = STRUCTURES["series lost slices"](0)
    assert any(region.mask[len(lost.series.datasets) :].any() for region in lost.structures.regions)


def test_names_in_chaos_keep_their_numbers(tmp_path: Path) -> None:
    case = STRUCTURES["names in chaos"](0)
    write_dataset(case.structures.dataset, tmp_path / "1.dcm")
    regions = pydicom.dcmread(tmp_path / "1.dcm").StructureSetROISequence
    assert [(item.ROINumber, item.ROIName or "") for item in regions] == [
        (region.number, region.name.strip()) for region in case.structures.regions
    ]
    assert len({region.name for region in case.structures.regions}) < len(case.structures.regions)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    contents = []
    for seed in (2, 2, 3):
        write_dataset(STRUCTURES["contours shuffled"](seed).structures.dataset, tmp_path / "1.dcm")
        contents.append((tmp_path / "1.dcm").read_bytes())
    assert contents[0] == contents[1] != contents[2]
