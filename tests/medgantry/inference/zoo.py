"""Bundles in the layout of MONAI's Model Zoo, small, with random weights; and MONAI's own answer."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from monai.networks.nets import SegResNet, UNet

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS

SHAPE = (30, 26, 14)


def write_volume(path: Path, seed: int, *, orientation: str = "LPS") -> Path:
    """A smooth random volume of int16, anisotropic, its axes not RAS."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.normal(40, 120, (1, 1, 6, 6, 4)).astype(np.float32))
    voxels = (
        torch.nn.functional.interpolate(coarse, size=SHAPE, mode="trilinear")[0, 0].numpy().astype(np.int16)
    )
    affine = np.diag([1.1, 1.3, 2.6, 1.0])
    affine[:3, 3] = [-20.0, 15.5, 7.0]
    image = nibabel.Nifti1Image(voxels, affine)
    axes = nibabel.orientations.axcodes2ornt(orientation)
    nibabel.save(image.as_reoriented(axes), path)
    return path


def spleen_like(folder: Path, *, seed: int = 0) -> Bundle:
    """Two classes by softmax and argmax, one of them background; resampled and put back by Invertd."""
    network = {
        "_target_": "UNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 2,
        "channels": [4, 8],
        "strides": [2],
        "norm": "batch",
    }
    preprocessing = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
        {"_target_": "Spacingd", "keys": "image", "pixdim": [2.0, 2.0, 2.0], "mode": "bilinear"},
        {
            "_target_": "ScaleIntensityRanged",
            "keys": "image",
            "a_min": -60,
            "a_max": 160,
            "b_min": 0,
            "b_max": 1,
            "clip": True,
        },
        {"_target_": "EnsureTyped", "keys": "image"},
    ]
    postprocessing = [
        {"_target_": "Activationsd", "keys": "pred", "softmax": True},
        _inverse(),
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        {"_target_": "FillHolesd", "keys": "pred", "applied_labels": [1]},
        {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir"},
    ]
    # Every class has about half of the voxels: a network that says one thing proves nothing.
    torch.manual_seed(seed)
    made = UNet(3, 1, 2, (4, 8), (2,), norm="batch")
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)
    return _write(
        folder,
        network,
        preprocessing,
        postprocessing,
        state=made.state_dict(),
        inputs=["CT"],
        outputs=["background", "spleen"],
        regions={"spleen": [1]},
        window=[16, 16, 16],
    )


def brats_like(folder: Path, *, seed: int = 0) -> Bundle:
    """Three nested regions by sigmoid and threshold, written as label codes by an expression; one file per channel."""
    network = {
        "_target_": "SegResNet",
        "init_filters": 8,
        "in_channels": 2,
        "out_channels": 3,
        "blocks_down": [1, 1],
        "blocks_up": [1],
    }
    preprocessing = [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True, "channel_wise": True},
    ]
    codes = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"
    postprocessing = [
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {**_inverse(), "meta_keys": "pred_meta_dict"},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        {"_target_": "Lambdad", "keys": "pred", "func": codes},
        {
            "_target_": "SaveImaged",
            "keys": "pred",
            "meta_keys": "pred_meta_dict",
            "output_dir": "@output_dir",
            "output_dtype": "uint8",
            "resample": False,
            "squeeze_end_dims": True,
        },
    ]
    torch.manual_seed(seed)
    made = SegResNet(3, 8, 2, 3, blocks_down=(1, 1), blocks_up=(1,))
    return _write(
        folder,
        network,
        preprocessing,
        postprocessing,
        state={"model": made.state_dict()},
        inputs=["T1", "FLAIR"],
        outputs=["TC", "WT", "ET"],
        regions={"TC": [1, 4], "WT": [1, 2, 4], "ET": [4]},
        window=[16, 16, 16],
    )


def monai_answer(bundle: Bundle, image: Path | list[Path], folder: Path) -> np.ndarray:
    """What `monai.bundle` writes for one case when it runs the bundle itself."""
    named = [str(path) for path in image] if isinstance(image, list) else str(image)
    workflow = ConfigWorkflow(
        config_file=str(bundle.folder / "configs/inference.json"),
        meta_file=str(bundle.folder / "configs/metadata.json"),
        workflow_type="infer",
        bundle_root=str(bundle.folder),
        output_dir=str(folder),
        datalist=[{"image": named}],
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    written = sorted(folder.rglob("*.nii.gz"))
    assert len(written) == 1
    return np.asanyarray(nibabel.load(written[0]).dataobj)


def _inverse() -> dict[str, Any]:
    return {
        "_target_": "Invertd",
        "keys": "pred",
        "transform": "@preprocessing",
        "orig_keys": "image",
        "nearest_interp": False,
        "to_tensor": True,
    }


def _write(
    folder: Path,
    network: dict[str, Any],
    preprocessing: list[dict[str, Any]],
    postprocessing: list[dict[str, Any]],
    *,
    state: dict[str, Any],
    inputs: list[str],
    outputs: list[str],
    regions: dict[str, list[int]],
    window: list[int],
) -> Bundle:
    inference = {
        "imports": ["$import os"],
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/eval'",
        "datalist": [],
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": network,
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": preprocessing},
        "dataset": {"_target_": "Dataset", "data": "@datalist", "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": window,
            "sw_batch_size": 2,
            "overlap": 0.5,
        },
        "postprocessing": {"_target_": "Compose", "transforms": postprocessing},
        "handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": "$@bundle_root + '/models/model.pt'",
                "load_dict": {"model": "@network"},
            }
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
            "amp": False,
        },
        "initialize": ["$monai.utils.set_determinism(seed=1)"],
        "run": ["$@evaluator.run()"],
    }
    pred = {"type": "image", "format": "segmentation", "channel_def": dict(enumerate(outputs))}
    metadata = {
        "version": "1",
        "monai_version": "1.6.1",
        "pytorch_version": "2",
        "numpy_version": "2",
        "network_data_format": {
            "inputs": {"image": {"num_channels": len(inputs), "channel_def": dict(enumerate(inputs))}},
            "outputs": {"pred": pred},
        },
    }
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs/inference.json").write_text(json.dumps(inference))
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    torch.save(state, folder / WEIGHTS)
    (folder / PROVENANCE).write_text(json.dumps({"regions": regions, "label_map": {}}))
    return Bundle(folder)
