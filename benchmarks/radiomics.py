"""B11: the default radiomics of a tumour and of an organ in a CT, against pyradiomics' extractor."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics.featureextractor import RadiomicsFeatureExtractor
from scipy.ndimage import gaussian_filter, zoom

from benchmarks.paired import compare
from medgantry.features.radiomics.case import library_versions
from medgantry.features.radiomics.extract import RegionExtractor
from medgantry.features.radiomics.settings import Settings

SHAPE = (160, 512, 512)
SPACING = (0.8, 0.8, 1.5)
ALLOWED = 1e-9
"""Relative difference of a feature of a large region; a tumour's must be equal."""


def main() -> list[dict[str, Any]]:
    """Two rows; void, by an error, when a feature differs by more than is allowed."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    image = _volume(_texture())
    return [
        _row(image, "tumour", centre=(70, 200, 330), radii=(14, 35, 35), allowed=0.0, runs=5),
        _row(image, "organ", centre=(80, 256, 256), radii=(60, 95, 95), allowed=ALLOWED, runs=3),
    ]


def _row(image: sitk.Image, name: str, *, allowed: float, runs: int, **where: Any) -> dict[str, Any]:
    inside = _ellipsoid(**where)
    labels = _volume(inside.astype(np.uint8))
    extractor, peer = RegionExtractor(Settings.parse(""), min_voxels=64), RadiomicsFeatureExtractor()
    found: dict[str, Mapping[str, Any]] = {}

    def ours() -> None:
        found["ours"] = extractor(image, labels, [1]).features

    def theirs() -> None:
        found["peer"] = peer.execute(image, labels)

    voxels = int(inside.sum())
    row = compare(
        f"B11 radiomics, {name} of {voxels} voxels in 512 x 512 x 160",
        f"pyradiomics-bhklab {library_versions()['pyradiomics-bhklab']} execute()",
        ours,
        theirs,
        clock=time.perf_counter,
        runs=runs,
    )
    wanted = {
        feature: float(value) for feature, value in found["peer"].items() if "diagnostics" not in feature
    }
    assert set(wanted) == set(found["ours"])
    row["features"] = len(wanted)
    row["max_relative_difference"] = max(
        abs(found["ours"][feature] - value) / max(abs(value), 1e-300) for feature, value in wanted.items()
    )
    assert row["max_relative_difference"] <= allowed, row
    return row


def _texture() -> NDArray[np.int16]:
    """Tissue with structure of several sizes, in HU."""
    rng = np.random.default_rng(0)
    coarse = zoom(gaussian_filter(rng.normal(size=[size // 8 for size in SHAPE]), 1.0), 8, order=1)
    fine = rng.normal(0, 25, SHAPE)
    return (40 + 300 * coarse + fine).astype(np.int16)


def _ellipsoid(centre: tuple[int, ...], radii: tuple[int, ...]) -> NDArray[np.bool_]:
    axes = np.ogrid[tuple(slice(size) for size in SHAPE)]
    return np.asarray(sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1)


def _volume(array: NDArray[Any]) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING)
    return image
