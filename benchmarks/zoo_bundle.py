"""A segmentation bundle in the layout of MONAI's Model Zoo, as `spleen_ct_segmentation` has it, with a network that costs little."""

import json
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import UNet

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS

NO_OP: dict[str, Any] = {"_target_": "benchmarks.zoo_bundle.NoOp"}
TINY: dict[str, Any] = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8],
    "strides": [2],
    "norm": "batch",
}
ORGAN = 0.9
"""Of the window's range: what the no-op network calls organ begins here."""


class NoOp(torch.nn.Module):
    """Two classes by brightness."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(N, 1, i, j, k) to (N, 2, i, j, k)."""
        steep = torch.tensor([0.0, 20.0], device=image.device).view(2, 1, 1, 1)
        return torch.addcmul(-ORGAN * steep, steep, image)


def write_bundle(folder: Path, network: dict[str, Any], *, argmax_first: bool) -> Bundle:
    """Write it.

    Args:
        folder: To be made.
        network: `NO_OP` or `TINY`.
        argmax_first: Whether classes go back to the source's grid, by nearest neighbour, and not probabilities.
    """
    inverse = {
        "_target_": "Invertd",
        "keys": "pred",
        "transform": "@preprocessing",
        "orig_keys": "image",
        "nearest_interp": argmax_first,
        "to_tensor": True,
    }
    discrete = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
    config = {
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "cpu",
        "network_def": network,
        "preprocessing": {"_target_": "Compose", "transforms": _preprocessing()},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": [96, 96, 96],
            "sw_batch_size": 4,
            "overlap": 0.5,
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
                *([discrete, inverse] if argmax_first else [inverse, discrete]),
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_dtype": "uint8",
                    "print_log": False,
                },
            ],
        },
    }
    image = {"num_channels": 1, "channel_def": {"0": "CT"}}
    pred = {"type": "image", "format": "segmentation", "channel_def": {"0": "background", "1": "spleen"}}
    metadata = {
        "version": "1",
        "monai_version": "1.6.1",
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": pred}},
    }
    for name in ("configs", "models"):
        (folder / name).mkdir(parents=True)
    (folder / "configs/inference.json").write_text(json.dumps(config))
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / PROVENANCE).write_text(json.dumps({"regions": {"spleen": [1]}, "label_map": {}}))
    torch.save(_weights(network), folder / WEIGHTS)
    return Bundle(folder)


def _preprocessing() -> list[dict[str, Any]]:
    return [
        {"_target_": "LoadImaged", "keys": "image"},
        {"_target_": "EnsureChannelFirstd", "keys": "image"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
        {"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear"},
        {
            "_target_": "ScaleIntensityRanged",
            "keys": "image",
            "a_min": -57,
            "a_max": 164,
            "b_min": 0,
            "b_max": 1,
            "clip": True,
        },
        {"_target_": "EnsureTyped", "keys": "image"},
    ]


def _weights(network: dict[str, Any]) -> dict[str, torch.Tensor]:
    if network is NO_OP:
        return {}
    torch.manual_seed(0)
    found: dict[str, torch.Tensor] = UNet(3, 1, 2, (4, 8), (2,), norm="batch").state_dict()
    # So that both classes have a good part of the voxels.
    return {name: value * 3 if value.is_floating_point() else value for name, value in found.items()}
