"""The result of a training: the bundle with the best epoch's weights, and where they are from."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PRETRAINED, PROVENANCE, WEIGHTS
from medgantry.bundles.config_files import read_config, write_config
from medgantry.fingerprint import canonical_json
from medgantry.storage import ObjectStore, publish_folder
from medgantry.training.calibrate import calibrate
from medgantry.training.job import Job
from medgantry.training.outcome import Outcome


def publish_result(job: Job, bundle: Bundle, outcome: Outcome, store: ObjectStore) -> None:
    """Complete a bundle's folder and publish it below the job's prefix, where it says that the training succeeded."""
    folder, history = bundle.folder, outcome.history
    (folder / WEIGHTS).parent.mkdir(exist_ok=True)
    (folder / PRETRAINED).unlink(missing_ok=True)
    torch.save(outcome.best_weights, folder / WEIGHTS)
    history.save(folder)
    provenance: Mapping[str, Any] = {
        **job.provenance,
        "training": job.key,
        "groups": list(job.groups),
        "best_epoch": history.best_epoch,
        "label_map": dict(job.label_map),
        "regions": dict(job.regions),
    }
    if bundle.task == "classification" and history.validation:
        provenance = {**provenance, "calibration": calibrate(bundle, history.validation)}
    (folder / PROVENANCE).write_text(canonical_json(provenance))
    write_config(folder, "metadata", _metadata(bundle, job, outcome))
    publish_folder(store, job.result, folder)


def _metadata(bundle: Bundle, job: Job, outcome: Outcome) -> dict[str, Any]:
    """The bundle's metadata, with what this training makes of them (MONAI Bundle specification, metadata.json)."""
    metadata = read_config(bundle.folder, "metadata")
    best = next((p for p in outcome.history.points if p["epoch"] == outcome.history.best_epoch), {})
    named = metadata.get("required_packages_version") or {}
    return metadata | {
        "monai_version": version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {name: _installed(name) or wanted for name, wanted in named.items()},
        "eval_metrics": {name: value for name, value in best.items() if name.startswith("val_")},
        "data_source": f"cohort {job.provenance['cohort_hash'][:12]}, {len(job.train)} training cases",
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
