"""A segmentation small enough to know its answer: a ball, seen through independent noise in each channel.

A network of one weight per channel sees the ball as well as the channels that it looks at: members that look at different
ones are better together.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS
from medgantry.bundles.ensemble import Augmentation, Ensemble, Member, Rule
from medgantry.cohort import Case, Cohort, File
from medgantry.fingerprint import hash_file
from medgantry.storage import ObjectStore
from medgantry.storage.files import keep

CHANNELS = ("A", "B", "C")
SHAPE = (12, 11, 10)
BALL = 2
"""Its label code."""


def write_case(folder: Path, seed: int, *, noise: float = 0.5) -> tuple[list[Path], Path]:
    """One file per channel, and the label map."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    centre = rng.uniform(4, 7, 3)
    squares = [(axis - middle) ** 2 for axis, middle in zip(np.indices(SHAPE), centre, strict=True)]
    ball = sum(squares) < 3.0**2
    affine = np.diag([-1.5, -1.5, 2.0, 1.0])
    paths = []
    for name in CHANNELS:
        voxels = (ball + rng.normal(0, noise, SHAPE)).astype(np.float32)
        paths.append(folder / f"{seed}-{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(voxels, affine), paths[-1])
    label = folder / f"{seed}-label.nii.gz"
    nibabel.save(nibabel.Nifti1Image((ball * BALL).astype(np.uint8), affine), label)
    return paths, label


def make_cohort(store: ObjectStore, folder: Path, *, test: int, train: int = 2) -> Cohort:
    """Cases that are groups of their own; `train` on the sides train and validation, each."""
    cases, files = [], []
    for number, side in enumerate(["train"] * train + ["validation"] * train + ["test"] * test):
        images, label = write_case(folder, number)
        name = f"case-{number:03d}"
        cases.append(Case(case_id=name, group_id=f"group-{number}", split=side))
        for role, channel, path in [
            *zip(["image"] * 3, CHANNELS, images, strict=True),
            ("label", "", label),
        ]:
            sha256 = hash_file(path)
            files.append(
                File(
                    case_id=name,
                    role=role,
                    channel=channel,
                    channel_index=-1,
                    uri=keep(store, path, sha256),
                    format="nii.gz",
                    sha256=sha256,
                    shape=SHAPE,
                    spacing_mm=(1.5, 1.5, 2.0),
                    orientation="LPS",
                )
            )
    return Cohort(
        cases=cases,
        files=files,
        entries=[],
        channels=list(CHANNELS),
        label_map={"background": 0, "ball": BALL},
        regions={"ball": ["ball"]},
    )


def make_bundle(
    folder: Path,
    cohort: Cohort | None = None,
    *,
    looks_at: Sequence[float] = (1.0, 0.0, 0.0),
    postprocessing: Sequence[dict[str, Any]] = (
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
    ),
    outputs: Sequence[str] = ("ball",),
) -> Bundle:
    """A bundle whose one convolution of 1 voxel weighs the channels.

    Args:
        folder: Where it goes.
        cohort: That it was trained on, for all its provenance says.
        looks_at: Weight of each channel.
        postprocessing: Of the inference config.
        outputs: Names of the output channels; one that is called background gets the opposite of the ball.
    """
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    form = {"channel_def": dict(enumerate(CHANNELS)), "num_channels": len(CHANNELS)}
    metadata = {
        "version": "1",
        "monai_version": "1.6.1",
        "name": "Brightness",
        "network_data_format": {
            "inputs": {"image": form},
            "outputs": {
                "pred": {"type": "image", "format": "segmentation", "channel_def": dict(enumerate(outputs))}
            },
        },
    }
    image = ["image"]
    inference = {
        "imports": ["$import torch"],
        "device": "cpu",
        "network_def": f"$torch.nn.Conv3d(3, {len(outputs)}, 1)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": image, "ensure_channel_first": True},
                {"_target_": "Orientationd", "keys": image, "axcodes": "RAS", "labels": None},
            ],
        },
        "inferer": {"_target_": "SimpleInferer"},
        "postprocessing": {"_target_": "Compose", "transforms": list(postprocessing)},
    }
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / "configs/inference.json").write_text(json.dumps(inference))
    write_weights(folder / WEIGHTS, looks_at, outputs)
    provenance: dict[str, Any] = {"regions": {"ball": [BALL]}, "label_map": {"background": 0, "ball": BALL}}
    if cohort:
        provenance |= {
            "cohort_hash": cohort.cohort_hash,
            "split_hash": cohort.split_hash,
            "groups": cohort.group_hashes(("train", "validation")),
        }
    (folder / PROVENANCE).write_text(json.dumps(provenance))
    return Bundle(folder)


def make_ensemble(
    folder: Path,
    cohort: Cohort | None = None,
    *,
    members: Sequence[Sequence[float]] = ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    weights: Sequence[float] = (1, 1, 1),
    rule: Rule = "mean",
    test_time_augmentation: Augmentation = "none",
    **more: Any,
) -> Bundle:
    """An ensemble of such networks, each with a weight per channel of its own."""
    made = make_bundle(folder, cohort, **more)
    (folder / WEIGHTS).unlink()
    named = [f"models/fold-{index}.pt" for index in range(len(members))]
    for name, looks_at in zip(named, members, strict=True):
        write_weights(folder / name, looks_at, more.get("outputs", made.outputs))
    Ensemble(
        members=[Member(weights=name, weight=weight) for name, weight in zip(named, weights, strict=True)],
        rule=rule,
        test_time_augmentation=test_time_augmentation,
    ).save(folder)
    return Bundle(folder)


def write_weights(path: Path, looks_at: Sequence[float], outputs: Sequence[str]) -> None:
    """A state dict of that convolution: the ball is where the weighted mean of the channels is above one half."""
    weight = torch.tensor(looks_at) / sum(looks_at)
    signs = torch.tensor([-1.0 if name == "background" else 1.0 for name in outputs])
    state = {
        "weight": 3 * (signs[:, None] * weight)[..., None, None, None],
        "bias": 3 * signs * -0.5,
    }
    torch.save(state, path)
