"""B5: a CT from .nii.gz to a float32 tensor with its affine, against MONAI's LoadImage and nibabel."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai
import monai.transforms
import nibabel
import numpy as np
import torch
from isal import igzip
from scipy.ndimage import gaussian_filter, zoom

from benchmarks.paired import compare
from medgantry.transforms.loading import LoadImage

SHAPE = (512, 512, 160)
RUNS = 5


def main() -> list[dict[str, Any]]:
    """Two rows; void, by an error, when a voxel or the affine differs."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        path = Path(name) / "ct.nii.gz"
        image = nibabel.Nifti1Image(scan(), np.diag([-0.8, -0.8, 1.5, 1.0]))
        path.write_bytes(igzip.compress(image.to_bytes(), 1))
        found: dict[str, Any] = {}
        load, monais = (
            LoadImage(ensure_channel_first=True),
            monai.transforms.LoadImage(ensure_channel_first=True),
        )

        def ours() -> None:
            found["ours"] = load(path)

        def theirs() -> None:
            found["peer"] = monais(path)

        def plain() -> None:
            opened = nibabel.load(path)
            found["peer"] = torch.from_numpy(opened.get_fdata(dtype=np.float32))[None]
            found["affine"] = torch.from_numpy(opened.affine)

        rows = []
        for peer, work in (
            (f"MONAI {monai.__version__} LoadImage", theirs),
            (f"nibabel {nibabel.__version__} get_fdata(float32)", plain),
        ):
            row = compare("B5 512 x 512 x 160 int16 CT, .nii.gz to float32", peer, ours, work, runs=RUNS)
            assert torch.equal(found["ours"].as_tensor(), torch.as_tensor(found["peer"]))
            assert torch.equal(found["ours"].affine, found.get("affine", monais(path).affine))
            rows.append(row | {"bytes": path.stat().st_size, "raw_bytes": image.dataobj.nbytes})
        return rows


def scan() -> np.ndarray[Any, Any]:
    """(i, j, k) int16: tissue with noise in a round field of view, -1024 outside, in HU."""
    rng = np.random.default_rng(0)
    coarse = zoom(gaussian_filter(rng.normal(size=[size // 8 for size in SHAPE]), 1.0), 8, order=1)
    values = (40 + 300 * coarse + rng.normal(0, 25, SHAPE)).astype(np.int16)
    i, j = np.ogrid[-256:256, -256:256]
    values[np.hypot(i, j) > 240] = -1024
    return values
