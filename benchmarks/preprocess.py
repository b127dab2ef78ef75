"""B6: a BraTS-like case through the transforms of AWS's sample, from NIfTI to what training reads."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai
import monai.transforms as mt
import nibabel
import numpy as np
import torch
from isal import igzip

from benchmarks.paired import compare
from benchmarks.subject import REGIONS
from medgantry.phantoms.brain_tumor import write_task
from medgantry.sharding.encoding import encode
from medgantry.sharding.shard_file import write_shard
from medgantry.transforms import LabelsToRegionsd, replace_proved

KEYS = ["image", "label"]
RUNS = 5


def main() -> list[dict[str, Any]]:
    """Four rows; void, by an error, when a value before storage differs by more than 1e-5."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        cases = _cases(folder)
        return [
            _row(folder, case, f"{dtype}, {peer}", lazy=lazy)
            for dtype, case in cases.items()
            for peer, lazy in (("eager", None), ("lazy", True))
        ]


def _cases(folder: Path) -> dict[str, dict[str, Path]]:
    """One case of 240 x 240 x 155 x 4, the axes to the left, posterior and superior as in BraTS, stored two ways."""
    write_task(folder / "task", cases=1, size=(240, 240, 155))
    (image,) = (folder / "task/imagesTr").glob("BRATS*")
    (label,) = (folder / "task/labelsTr").glob("BRATS*")
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    voxels = np.asanyarray(nibabel.load(image).dataobj)
    labels = _write(folder / "label.nii.gz", np.asanyarray(nibabel.load(label).dataobj), "uint8", affine)
    return {
        kind: {"image": _write(folder / f"{kind}.nii.gz", voxels, kind, affine), "label": labels}
        for kind in ("float32", "int16")
    }


def _write(path: Path, voxels: np.ndarray[Any, Any], kind: str, affine: np.ndarray[Any, Any]) -> Path:
    image = nibabel.Nifti1Image(voxels.astype(kind), affine)
    path.write_bytes(igzip.compress(image.to_bytes(), 1))
    return path


def _transforms(load: Sequence[Any], label: Sequence[Any], place: int) -> list[Any]:
    """AWS's deterministic part; the regions are made before or after resampling, which gives the same."""
    chain = [
        mt.Orientationd(KEYS, "RAS", labels=None),
        mt.Spacingd(KEYS, [1.5, 1.5, 2.0], mode=["bilinear", "nearest"]),
        mt.CenterSpatialCropd(KEYS, [128, 128, 64]),
    ]
    chain[place:place] = label
    return [*load, *chain, mt.NormalizeIntensityd("image", nonzero=True, channel_wise=True)]


def _row(folder: Path, case: dict[str, Path], name: str, *, lazy: bool | None) -> dict[str, Any]:
    load, label = [mt.LoadImaged(KEYS, ensure_channel_first=True)], [LabelsToRegionsd("label", REGIONS)]
    monais = mt.Compose(_transforms(load, label, 0), lazy=lazy)
    fast = mt.Compose(replace_proved(_transforms(load, label, 3))[0])
    shard, pickled = folder / "case.safetensors", folder / "case.pt"
    made: dict[str, Any] = {}

    def ours() -> None:
        made["ours"] = fast(case)
        parts = {key: encode(made["ours"][key].numpy()) for key in KEYS}
        write_shard(shard, {f"case.{key}": part.stored for key, part in parts.items()}, {})

    def theirs() -> None:
        made["peer"] = monais(case)
        torch.save({key: made["peer"][key].as_tensor().float() for key in KEYS}, pickled)

    row = compare(
        f"B6 one case of 240 x 240 x 155 x 4 to storage, {name}",
        f"MONAI {monai.__version__} Compose + torch.save",
        ours,
        theirs,
        runs=RUNS,
    )
    row["max_absolute_error"] = _error(made["ours"], (lambda: monais(case)) if lazy is None else _eager(case))
    assert row["max_absolute_error"] <= 1e-5, row
    row["bytes"] = {"ours": shard.stat().st_size, "peer": pickled.stat().st_size}
    return row


def _eager(case: dict[str, Path]) -> Callable[[], Any]:
    """Lazy resampling gives other values than MONAI's own eager transforms, which ours are compared with."""
    load, label = [mt.LoadImaged(KEYS, ensure_channel_first=True)], [LabelsToRegionsd("label", REGIONS)]
    return lambda: mt.Compose(_transforms(load, label, 0))(case)


def _error(found: dict[str, Any], wanted: Callable[[], Any]) -> float:
    expected = wanted()
    return max(
        float((found[key].as_tensor().float() - expected[key].as_tensor()).abs().max()) for key in KEYS
    )
