"""Training configs in the ways in which bundles of MONAI's Model Zoo write them."""

import json
from pathlib import Path
from typing import Any

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS
from tests.medgantry.inference import zoo as trained

REPORTING = {"_target_": "StatsHandler", "tag_name": "train_loss"}
VALIDATING = {"_target_": "ValidationHandler", "validator": "@validate#evaluator", "interval": 1}


def spleen_like(folder: Path) -> Bundle:
    """Two named lists, added up; softmax over background and one region; the label a map of codes."""
    both = ["image", "label"]
    train = {
        "deterministic_transforms": [
            {"_target_": "LoadImaged", "keys": both},
            {"_target_": "EnsureChannelFirstd", "keys": both},
            {"_target_": "Orientationd", "keys": both, "axcodes": "RAS", "labels": None},
            {
                "_target_": "Spacingd",
                "keys": both,
                "pixdim": [3.0, 3.0, 3.0],
                "mode": ["bilinear", "nearest"],
            },
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "image",
                "a_min": -60,
                "a_max": 160,
                "b_min": 0,
                "b_max": 1,
                "clip": True,
            },
            {"_target_": "EnsureTyped", "keys": both},
        ],
        "random_transforms": [
            {
                "_target_": "RandCropByPosNegLabeld",
                "keys": both,
                "label_key": "label",
                "spatial_size": [16, 16, 16],
                "num_samples": 2,
                "image_key": "image",
            }
        ],
        "preprocessing": {
            "_target_": "Compose",
            "transforms": "$@train#deterministic_transforms + @train#random_transforms",
        },
        "dataset": {
            "_target_": "CacheDataset",
            "data": "$[{'image': i, 'label': l} for i, l in zip(@images, @labels)]",
            "transform": "@train#preprocessing",
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
                {
                    "_target_": "AsDiscreted",
                    "keys": ["pred", "label"],
                    "argmax": [True, False],
                    "to_onehot": 2,
                },
            ],
        },
        "trainer": {"max_epochs": 3},
    }
    loss = {"_target_": "DiceCELoss", "to_onehot_y": True, "softmax": True}
    return _write(trained.spleen_like(folder), train, loss)


def brats_like(folder: Path) -> Bundle:
    """One list that holds everything, the label made three channels by a transform that knows the codes."""
    both = ["image", "label"]
    train = {
        "transforms": [
            {"_target_": "LoadImaged", "keys": both},
            {"_target_": "ConvertToMultiChannelBasedOnBratsClassesd", "keys": "label"},
            {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": True, "channel_wise": True},
            {"_target_": "RandFlipd", "keys": both, "prob": 0.5, "spatial_axis": 0},
            {"_target_": "CenterSpatialCropd", "keys": both, "roi_size": [16, 16, 16]},
        ],
        "dataset": {
            "_target_": "Dataset",
            "data": "@train_datalist",
            "transform": {"_target_": "Compose", "transforms": "@train#transforms"},
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
                {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
            ],
        },
        "trainer": {"max_epochs": "@epochs"},
    }
    return _write(trained.brats_like(folder), train, {"_target_": "DiceLoss", "sigmoid": True}, epochs=3)


def _write(bundle: Bundle, train: dict[str, Any], loss: dict[str, Any], **ids: Any) -> Bundle:
    """Complete a training config, take weights and provenance away: as it lies in the Zoo, untrained."""
    train |= {
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@train#dataset",
            "batch_size": 2,
            "shuffle": True,
        },
        "inferer": {"_target_": "SimpleInferer"},
        "handlers": [VALIDATING, REPORTING],
        "key_metric": {"accuracy": {"_target_": "ignite.metrics.Accuracy"}},
        "trainer": {
            "_target_": "SupervisedTrainer",
            "device": "@device",
            "train_data_loader": "@train#dataloader",
            "network": "@network",
            "loss_function": "@loss",
            "optimizer": "@optimizer",
            "inferer": "@train#inferer",
            "postprocessing": "@train#postprocessing",
            "key_train_metric": "@train#key_metric",
            "train_handlers": "@train#handlers",
            "amp": True,
            **train["trainer"],
        },
    }
    config = {
        "imports": ["$import glob"],
        "bundle_root": "/somewhere/else",
        "dataset_dir": "/workspace/data",
        "images": "$sorted(glob.glob(@dataset_dir + '/*.nii.gz'))",
        "labels": "@images",
        "train_datalist": "$monai.data.load_decathlon_datalist(@bundle_root + '/configs/datalist.json')",
        **ids,
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": bundle.inference_config["network_def"],
        "network": "$@network_def.to(@device)",
        "loss": loss,
        "optimizer": {"_target_": "torch.optim.Adam", "params": "$@network.parameters()", "lr": 0.01},
        "train": train,
        "validate": {
            "inferer": {
                "_target_": "SlidingWindowInferer",
                "roi_size": [16, 16, 16],
                "sw_batch_size": 2,
                "overlap": 0.5,
            },
            "postprocessing": "%train#postprocessing",
            "evaluator": {"_target_": "SupervisedEvaluator", "val_data_loader": "@validate#dataloader"},
        },
        "initialize": ["$monai.utils.set_determinism(seed=123)"],
        "run": ["$@train#trainer.run()"],
    }
    (bundle.folder / "configs/train.json").write_text(json.dumps(config))
    (bundle.folder / WEIGHTS).unlink()
    (bundle.folder / PROVENANCE).unlink()
    return Bundle(bundle.folder)
