import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medgantry.features.column import Column
from medgantry.monitoring.case_statistics import (
    QUANTILES,
    CaseStatistics,
    photo_statistics,
    table_statistics,
    volume_statistics,
)


def write(path: Path, voxels: np.ndarray, spacing: tuple[float, ...] = (0.5, 0.75, 2.0)) -> Path:
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([*spacing, 1.0])), path)
    return path


def test_a_volume_gives_geometry_and_quantiles_of_what_is_not_background(tmp_path: Path) -> None:
    voxels = np.zeros((10, 10, 20), np.float32)
    voxels[:5] = np.arange(1, 1001).reshape(5, 10, 20)
    voxels[9, 9, 19], voxels[9, 9, 18] = np.nan, np.inf
    found = volume_statistics(write(tmp_path / "a.nii.gz", voxels), {"CT": -1})["CT"]
    assert found.shape == [10, 10, 20]
    assert found.spacing_mm == pytest.approx([0.5, 0.75, 2.0])
    assert (found.zeros, found.not_finite) == pytest.approx((998 / 2000, 2 / 2000))
    assert found.quantiles == pytest.approx(np.quantile(np.arange(1, 1001), QUANTILES))


def test_the_channels_of_a_4d_file_by_their_position(tmp_path: Path) -> None:
    voxels = np.stack([np.full((4, 5, 6), value, np.int16) for value in (10, 20, 30)], axis=-1)
    found = volume_statistics(write(tmp_path / "a.nii", voxels), {"T2w": 2, "FLAIR": 0})
    assert {name: stats.quantiles[3] for name, stats in found.items()} == {"T2w": 30, "FLAIR": 10}
    assert found["T2w"].shape == [4, 5, 6]


def test_scaled_values_are_those_that_the_file_means(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.linspace(-1.5, 2.5, 60).reshape(3, 4, 5), np.eye(4))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "ct.nii")
    assert nibabel.load(tmp_path / "ct.nii").dataobj.slope != 1
    found = volume_statistics(tmp_path / "ct.nii", {"CT": -1})["CT"]
    assert found.quantiles[3] == pytest.approx(0.5, abs=1e-3)


def test_an_empty_volume_has_no_quantiles(tmp_path: Path) -> None:
    statistics = volume_statistics(write(tmp_path / "a.nii", np.zeros((3, 3, 3), np.int16)), {"CT": -1})
    assert statistics["CT"].quantiles == []
    scalars = CaseStatistics(channels=statistics).scalars()
    assert scalars["share of zeros"] == 1
    assert "intensity at 50%" not in scalars


def test_a_photo_by_colour() -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 200, np.arange(40)
    found = photo_statistics(pixels)
    assert list(found) == ["red", "green", "blue"]
    assert (found["red"].shape, found["red"].spacing_mm) == ([30, 40], [])
    assert found["red"].quantiles == [200.0] * 7
    assert (found["green"].zeros, found["blue"].zeros) == (1.0, 1 / 40)


def test_a_table_keeps_finite_numbers_and_declared_categories_alone() -> None:
    kinds = {"age": "number", "volume": "number", "weight": "number", "dose": "number", "note": "number"}
    columns = [Column(name=name, role="baseline", kind=kind) for name, kind in kinds.items()]
    columns += [
        Column(name=name, role="baseline", kind="category", categories=("IIA", "IIB"))
        for name in ("stage", "before", "other")
    ]
    row = {"age": 61, "volume": 3.5, "weight": None, "dose": float("nan"), "note": "Jane Doe", "id": 7.0}
    row |= {"stage": "IIA", "before": None, "other": "Jane Doe"}
    assert table_statistics(columns, row) == CaseStatistics(
        features={"age": 61.0, "volume": 3.5}, categories={"stage": "IIA"}
    )


def test_an_only_channel_goes_without_its_name_and_spellings_are_one(tmp_path: Path) -> None:
    found = volume_statistics(write(tmp_path / "a.nii", np.ones((3, 4, 5), np.int16)), {"a": -1})["a"]
    alone = [CaseStatistics(channels={name: found}).scalars() for name in ("image", "CT")]
    assert alone[0] == alone[1]
    assert alone[0]["spacing of axis 3, mm"] == 2.0
    assert alone[0]["size of axis 2"] == 4
    several = [CaseStatistics(channels={name: found, "FLAIR": found}).scalars() for name in ("t1ce", "T1gd")]
    assert several[0] == several[1]
    assert "T1gd intensity at 99%" in several[0]


def test_statistics_survive_json(tmp_path: Path) -> None:
    channels = volume_statistics(write(tmp_path / "a.nii", np.ones((3, 4, 5), np.int16)), {"CT": -1})
    statistics = CaseStatistics(channels=channels, features={"age": 3.0})
    assert CaseStatistics.from_document(json.loads(json.dumps(statistics.document()))) == statistics
