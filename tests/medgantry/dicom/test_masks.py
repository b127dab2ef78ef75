"""Segmentations and structure sets land where they were drawn, or are refused."""

import numpy as np
import pytest

from medgantry.dicom.header import read_header
from medgantry.dicom.segmentation import Segmentation
from medgantry.dicom.series import group_series
from medgantry.dicom.structure_set import StructureSet
from medgantry.dicom.volume import read_volume
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.segmentation import SEGMENTATIONS, sixteen_layouts
from medgantry.phantoms.dicom.series import write_dataset, write_series
from medgantry.phantoms.dicom.structures import STRUCTURES

LAYOUTS = {layout.name: layout for layout in sixteen_layouts()}


def volume_of(series, folder):
    (found,) = group_series([read_header(path) for path in write_series(series, folder)])
    return read_volume(found.stacks()[0], modality=found.modality)


def paint(masks, volume, numbers=()):
    numbers = numbers or [structure.number for structure in masks.structures]
    codes = {number: 1 << index for index, number in enumerate(numbers)}
    out = np.zeros(volume.grid.shape, np.uint16)
    proof = masks.paint(codes, volume, out)
    assert proof.planes > 0
    return [(out & code) > 0 for code in codes.values()], proof


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_all_sixteen_layouts_are_placed_right(name, tmp_path):
    layout = LAYOUTS[name]
    volume = volume_of(layout.series, tmp_path / "series")
    write_dataset(layout.segmentation.dataset, tmp_path / "seg.dcm")
    found, proof = paint(Segmentation(tmp_path / "seg.dcm"), volume)
    for mask, truth in zip(found, layout.segmentation.masks.values(), strict=True):
        assert np.array_equal(mask, truth)
    assert proof.residual_mm < 1e-3
    assert proof.referred == proof.planes


@pytest.mark.parametrize("name", sorted(SEGMENTATIONS))
def test_a_segmentation_is_placed_or_refused(name, tmp_path):
    case = SEGMENTATIONS[name](0)
    volume = volume_of(case.series, tmp_path / "series")
    write_dataset(case.segmentation.dataset, tmp_path / "seg.dcm")
    numbers = [item.SegmentNumber for item in case.segmentation.dataset.SegmentSequence]
    truths = dict(
        zip(numbers[-len(case.segmentation.masks) :], case.segmentation.masks.values(), strict=True)
    )
    judge(case, truths, Segmentation, tmp_path / "seg.dcm", volume)


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_structure_set_is_filled_or_refused(name, tmp_path):
    case = STRUCTURES[name](0)
    volume = volume_of(case.series, tmp_path / "series")
    write_dataset(case.structures.dataset, tmp_path / "rt.dcm")
    truths = {region.number: region.mask for region in case.structures.regions}
    judge(case, truths, StructureSet, tmp_path / "rt.dcm", volume)


def judge(case, truths, reader, path, volume):
    found, why = None, ""
    try:
        found, _ = paint(reader(path), volume, list(truths))
    except Unusable as broken:
        why = f"{broken.rule}: {broken.evidence}"
    assert ("ok" if found else "rejected") in {case.expected, *case.also_acceptable}, why or case.why
    for mask, truth in zip(found or [], truths.values(), strict=bool(found)):
        assert np.array_equal(mask, truth >= 0.5 if truth.dtype.kind == "f" else truth)
