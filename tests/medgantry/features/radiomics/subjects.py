"""Small images with regions, and cohorts of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from medgantry.cohort import Case, Cohort, File
from medgantry.cohort.targets import STUDY_DATE
from medgantry.fingerprint import hash_file
from medgantry.storage import ObjectStore
from medgantry.storage.files import keep

SHAPE = (40, 60, 64)
SPACING = (0.9765625, 0.9765625, 1.25)


def noise(shape=SHAPE, seed=0, dtype=np.int16):
    """Texture of a few voxels' width."""
    rng = np.random.default_rng(seed)
    return (gaussian_filter(rng.normal(size=shape), 1.0) * 400).astype(dtype)


def ellipsoid(shape=SHAPE, centre=(20, 30, 32), radii=(7, 9, 8)):
    """Voxels inside, (z, y, x)."""
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    return sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1


def volume(array, spacing=SPACING, origin=(-120.3, 33.1, -700.7)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    return image


def pair(**how: Any):
    """An image and a label map with code 1 in an ellipsoid."""
    return volume(noise(**how)), volume(ellipsoid().astype(np.uint8))


class Builder:
    """A cohort whose files are in a store."""

    def __init__(self, store: ObjectStore, folder: Path, regions: Mapping[str, list[str]] | None = None):
        self._store, self._folder = store, folder
        self._regions = regions or {"tumour": ["tumour"]}
        self.cases: list[Case] = []
        self.files: list[File] = []

    def add(
        self, case_id: str, image: sitk.Image, labels: sitk.Image | None, *, subject="", date="", cut=False
    ):
        """Add a case; `cut` leaves away half of the image's file."""
        targets = {STUDY_DATE: date} if date else {}
        self.cases.append(Case(case_id=case_id, group_id=subject or case_id, targets=targets))
        for role, content in (("image", image), ("label", labels)):
            if content is not None:
                path = self._folder / f"{case_id}-{role}.nii.gz"
                sitk.WriteImage(content, path)
                if cut and role == "image":
                    data = path.read_bytes()
                    path.write_bytes(data[: len(data) // 2])
                self.files.append(self._file(case_id, role, path, content))
        return self

    def _file(self, case_id, role, path, content):
        sha256 = hash_file(path)
        return File(
            case_id=case_id,
            role=role,
            channel="CT" if role == "image" else "",
            channel_index=-1,
            uri=keep(self._store, path, sha256),
            format="nii.gz",
            sha256=sha256,
            shape=content.GetSize(),
            spacing_mm=content.GetSpacing(),
            orientation="LPS",
        )

    @property
    def cohort(self) -> Cohort:
        return Cohort(
            cases=self.cases,
            files=self.files,
            entries=[],
            channels=["CT"],
            label_map={"background": 0, "tumour": 1, "node": 2},
            regions=self._regions,
        )
