"""Every dirty series gets the verdict that an honest reader should come to, and no wrong voxel."""

from pathlib import Path

import numpy as np
import pytest

from medgantry.dicom.header import Header, read_header
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import Volume, read_volume
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.dirty import DIRTY, write_case


def read(folder: Path, repairs: tuple[str, ...] = ()) -> tuple[str, Volume | None, str]:
    """Verdict, volume and evidence of the largest stack of a folder that holds one series."""
    try:
        headers: list[Header] = [read_header(path) for path in sorted(folder.rglob("*")) if path.is_file()]
        series = max(group_series(headers), key=lambda found: len(found.headers))
        volume = read_volume(series.stacks()[0], modality=series.modality, repairs=repairs)
    except Unusable as broken:
        return "rejected", None, f"{broken.rule}: {broken.evidence}"
    return ("repaired" if volume.repairs else "ok"), volume, "; ".join(volume.repairs)


def same(volume: Volume, truth) -> None:
    assert volume.voxels.shape == truth.voxels.shape
    assert np.abs(volume.voxels - truth.voxels).max() < 1e-3 * max(1.0, float(np.abs(truth.voxels).max()))
    assert np.abs(volume.grid.affine - truth.affine).max() < 0.1


SEVERAL = {"two acquisitions", "two orientations", "two time points"}
"""Several whole volumes in one series: each is read, as an item of its own."""


def test_several_volumes_in_one_series_are_each_read(tmp_path):
    for name in sorted(SEVERAL):
        case = DIRTY[name](0)
        write_case(case, tmp_path / name)
        (series,) = group_series([read_header(path) for path in (tmp_path / name).iterdir()])
        volumes = [read_volume(stack, modality=series.modality) for stack in series.stacks()]
        assert len(volumes) == len(case.alternatives)
        for truth in case.alternatives:
            assert any(
                volume.voxels.shape == truth.voxels.shape and np.allclose(volume.voxels, truth.voxels)
                for volume in volumes
            ), name


@pytest.mark.parametrize("name", sorted(set(DIRTY) - SEVERAL))
def test_verdict_and_voxels_are_right(name, tmp_path):
    case = DIRTY[name](0)
    write_case(case, tmp_path)
    verdict, volume, evidence = read(tmp_path)
    assert verdict in {case.expected, *case.also_acceptable}, f"{evidence}; {case.why}"
    if volume is not None and case.truth is not None:
        same(volume, case.truth)


@pytest.mark.parametrize("name", [name for name, make in sorted(DIRTY.items()) if make(0).repair])
def test_a_repair_is_done_on_request_and_recorded(name, tmp_path):
    case = DIRTY[name](0)
    write_case(case, tmp_path)
    verdict, volume, evidence = read(tmp_path, (case.repair,))
    assert verdict == "repaired", evidence
    assert volume is not None
    if volume.voxels.shape == case.repaired.voxels.shape and case.repair != "tilt":
        known = np.isfinite(case.repaired.voxels)
        assert np.abs(volume.voxels - case.repaired.voxels)[known].max() <= case.repair_tolerance + 1
