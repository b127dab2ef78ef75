"""A classification small enough to know its answer: plain photos, and a network that weighs their mean colours.

Red tells the class; green is noise. Weight on green makes a model worse, by as much as one likes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS
from medgantry.cohort import Case, Cohort, File
from medgantry.fingerprint import hash_file
from medgantry.ingest.photos.png_file import encode_png
from medgantry.storage import ObjectStore
from medgantry.storage.files import keep

CLASSES = ["benign", "malignant"]
NETWORK = "$torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())"


def make_cohort(
    store: ObjectStore,
    folder: Path,
    *,
    test: int,
    train: int = 4,
    seed: int = 0,
    signal: float = 12.0,
    targets: Sequence[Mapping[str, str]] = ({},),
    external: bool = False,
) -> Cohort:
    """Photos of one colour each; every case is a group of its own.

    Args:
        store: Where they go.
        folder: Scratch.
        test: Cases on the side `test`.
        train: Cases on the sides `train` and `validation`, each.
        seed: Of colours.
        signal: How far apart the classes' mean red is; red's own spread is 20.
        targets: Further targets, cycled over.
        external: As the cohort is declared; then there is no split.
    """
    rng = np.random.default_rng(seed)
    sides = ["train"] * train + ["validation"] * train + ["test"] * test
    cases, files = [], []
    for number, side in enumerate(sides):
        label = number % 2
        red = 128 + signal * (label - 0.5) + rng.normal(0, 20)
        colour = np.clip([red, rng.uniform(0, 255), 128], 0, 255).round().astype(np.uint8)
        path = folder / f"{seed}-{number}.png"
        path.write_bytes(encode_png(plain_photo(colour)))
        sha256 = hash_file(path)
        name = f"case-{seed}-{number:04d}"
        known = {"diagnosis": CLASSES[label], **targets[number % len(targets)]}
        group = f"group-{seed}-{number}"
        cases.append(Case(case_id=name, group_id=group, split="" if external else side, targets=known))
        files.append(
            File(
                case_id=name,
                role="image",
                channel="RGB",
                channel_index=-1,
                uri=keep(store, path, sha256),
                format="png",
                sha256=sha256,
                shape=(8, 8),
                spacing_mm=(),
                orientation="",
            )
        )
    return Cohort(
        cases=cases,
        files=files,
        entries=[],
        channels=["RGB"],
        label_map={},
        regions={},
        provenance={"classes": CLASSES},
        external=external,
    )


def plain_photo(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One colour but for a corner: photos that show nothing are refused."""
    pixels = np.broadcast_to(colour, (8, 8, 3)).copy()
    pixels[0, 0] = 0
    return pixels


def make_bundle(
    folder: Path, cohort: Cohort, *, noise: float, sharpness: float = 1.0, temperature: float = 1.0
) -> Bundle:
    """A bundle that was trained on the cohort, for all its provenance says.

    Args:
        folder: Where it goes.
        cohort: With a split.
        noise: Weight on green, that on red being 1.
        sharpness: Factor on all logits: too large is overconfident.
        temperature: In the inference config.
    """
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    metadata: dict[str, Any] = {
        "version": "1",
        "monai_version": "1.6.1",
        "name": "Colours",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 3, "channel_def": {"0": "R", "1": "G", "2": "B"}}},
            "outputs": {
                "pred": {
                    "type": "probabilities",
                    "format": "classes",
                    "channel_def": dict(enumerate(CLASSES)),
                }
            },
        },
    }
    inference = {
        "imports": ["$import torch"],
        "device": "cpu",
        "temperature": temperature,
        "network_def": NETWORK,
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image", "ensure_channel_first": True},
                {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255, "b_min": -1, "b_max": 1},
            ],
        },
        "inferer": {"_target_": "SimpleInferer"},
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Lambdad", "keys": "pred", "func": "$lambda logits: logits / @temperature"},
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            ],
        },
    }  # fmt: skip
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / "configs/inference.json").write_text(json.dumps(inference))
    towards = sharpness * torch.tensor([1.0, noise, 0.0])
    weight = torch.stack([-towards, towards])[..., None, None]
    state = {"0.weight": weight, "0.bias": torch.zeros(2)}
    torch.save(state, folder / WEIGHTS)
    provenance = {
        "split_hash": cohort.split_hash,
        "groups": cohort.group_hashes(("train", "validation")),
        "calibration": {"temperature": temperature, "cases": 8, "specificity": 0.9, "thresholds": {}},
    }
    (folder / PROVENANCE).write_text(json.dumps(provenance))
    return Bundle(folder)
