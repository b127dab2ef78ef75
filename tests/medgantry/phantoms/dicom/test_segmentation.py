from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest

from medgantry.phantoms.dicom.segmentation import (
    SEGMENTATIONS,
    Segmentation,
    SegmentationCase,
    SegmentationSpec,
    example_masks,
    make_segmentation,
    sixteen_layouts,
)
from medgantry.phantoms.dicom.series import Series, make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec

# What highdicom cannot read, although the masks are as they should be.
REFUSED = {
    "missing FrameContentSequence", "missing FrameOfReferenceUID",
    "missing PlaneOrientationSequence", "missing PixelMeasuresSequence", "missing positions",
    "missing positions and references", "missing segment numbers", "off by half a slice",
}  # fmt: skip


def _on_the_grid(segmentation: Segmentation, series: Series, path: Path) -> dict[str, np.ndarray]:
    """The masks as highdicom reads them, pasted on the series' grid by their affine."""
    write_dataset(segmentation.dataset, path)
    read = hd.seg.segread(path)
    numbers = {s.SegmentLabel: s.SegmentNumber for s in read.SegmentSequence}
    masks = {}
    for label in segmentation.masks:
        volume = read.get_volume(
            segment_numbers=[numbers[label]], rescale_fractional=True, skip_overlap_checks=True
        )
        array = volume.array[..., 0]
        full = np.zeros(series.voxels.shape, dtype=np.float64)
        index = np.linalg.inv(series.affine) @ volume.affine
        origin = np.rint(index[:3, 3]).astype(int)
        if index[0, 0] < 0:
            array, origin[0] = array[::-1], origin[0] - len(array) + 1
        window = tuple(slice(o, o + n) for o, n in zip(origin, array.shape, strict=True))
        full[window] = array
        masks[label] = full
    return masks


def test_highdicom_reads_all_sixteen_layouts(tmp_path: Path) -> None:
    layouts = list(sixteen_layouts())
    assert len({layout.name for layout in layouts}) == 16
    first = layouts[0]
    for layout in layouts:
        found = _on_the_grid(layout.segmentation, layout.series, tmp_path / "1.dcm")
        assert layout.segmentation.masks.keys() == found.keys()
        for label, mask in layout.segmentation.masks.items():
            np.testing.assert_array_equal(found[label], mask, err_msg=layout.name)
            np.testing.assert_array_equal(mask, first.segmentation.masks[label])
        np.testing.assert_array_equal(layout.series.voxels, first.series.voxels)


@pytest.mark.parametrize("name", [name for name in SEGMENTATIONS if name not in REFUSED])
def test_highdicom_reads_the_truth(name: str, tmp_path: Path) -> None:
    case = SEGMENTATIONS[name](0)
    whole = make_series(case.series.spec)
    found = _on_the_grid(case.segmentation, whole, tmp_path / "1.dcm")
    for label, mask in case.segmentation.masks.items():
        np.testing.assert_allclose(found[label], mask, atol=1e-6)
    assert case.segmentation.masks["Liver"].any()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_highdicom_cannot_read_the_truth(name: str, tmp_path: Path) -> None:
    case = SEGMENTATIONS[name](0)
    try:
        found = _on_the_grid(case.segmentation, case.series, tmp_path / "1.dcm")
    except (ValueError, AttributeError, RuntimeError, KeyError, IndexError):
        return
    masks = case.segmentation.masks
    assert any(not np.allclose(found[label], mask, atol=1e-6) for label, mask in masks.items())


def test_every_case_says_what_it_is() -> None:
    cases: list[SegmentationCase] = [make(1) for make in SEGMENTATIONS.values()]
    assert [case.name for case in cases] == list(SEGMENTATIONS)
    assert all(case.why.endswith(".") for case in cases)
    assert all(case.expected not in case.also_acceptable for case in cases)
    lost = next(case for case in cases if case.name == "series lost slices")
    beyond = np.concatenate([mask[len(lost.series.datasets) :] for mask in lost.segmentation.masks.values()])
    assert beyond.any()


def test_masks_overlap_only_when_asked_for() -> None:
    series = make_series(SeriesSpec(slices=12))
    assert np.sum(list(example_masks(series).values()), axis=0).max() == 1
    assert np.sum(list(example_masks(series, overlapping=True).values()), axis=0).max() == 2


def test_occupancies_lie_between_and_keep_their_maximum() -> None:
    case = SEGMENTATIONS["occupancy 100"](0)
    values = case.segmentation.dataset.pixel_array
    assert values.max() == 100
    assert len(np.unique(values)) > 5
    assert max(mask.max() for mask in case.segmentation.masks.values()) == 1.0


def test_frames_are_omitted_or_kept() -> None:
    series = make_series(SeriesSpec(slices=12))
    masks = example_masks(series)
    drawn = sum(int(mask.any(axis=(1, 2)).sum()) for mask in masks.values())
    for omit, frames in ((True, drawn), (False, 24)):
        spec = SegmentationSpec(omit_empty=omit)
        assert make_segmentation(series, masks, spec).dataset.NumberOfFrames == frames
    assert drawn < 24


def test_references_have_the_flaws_asked_for() -> None:
    series = make_series(SeriesSpec(slices=12))
    known = [dataset.SOPInstanceUID for dataset in series.datasets]

    def references(**changes: object) -> tuple[list[str], list[str]]:
        spec = replace(SegmentationSpec(), **changes)  # type: ignore[arg-type]
        dataset = make_segmentation(series, example_masks(series), spec).dataset
        listed = dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        per_frame = [
            frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
            for frame in dataset.PerFrameFunctionalGroupsSequence
        ]
        return [item.ReferencedSOPInstanceUID for item in listed], per_frame

    listed, per_frame = references()
    assert listed == known
    assert set(per_frame) < set(known)
    assert len(references(duplicated_instance=True)[0]) == 13
    assert len(set(references(unknown_instance=True)[1]) - set(known)) == 1


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    contents = []
    for seed in (2, 2, 3):
        write_dataset(SEGMENTATIONS["frames shuffled"](seed).segmentation.dataset, tmp_path / "1.dcm")
        contents.append((tmp_path / "1.dcm").read_bytes())
    assert contents[0] == contents[1] != contents[2]
