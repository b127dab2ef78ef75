"""The step `open_champion`: the champion out of the registry, to be compared with."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient

from medgantry.errors import InvalidInput
from medgantry.evaluation.champion import model_folder, write_champion
from medgantry.registry.versions import present_champion
from medgantry.steps import step

MARKS = {"MONAI bundle": "configs", "model of survival": "model.json"}
"""What lies at the top of a model's folder, by its kind."""


def open_champion_step(output: Path, *, name: str) -> None:
    """Bring the champion of a registered model, or say that there is none; the arguments are the component's."""
    with step("open_champion") as record:
        champion = present_champion(MlflowClient(), name)
        version = champion.version if champion else 0
        shutil.rmtree(output, ignore_errors=True)
        if champion:
            download_model(name, version, model_folder(output))
        write_champion(output, name=name, version=version)
        record.facts = {"model": name, "version": version or None}


def download_model(name: str, version: int, folder: Path) -> None:
    """Bring a version's model to a folder.

    Args:
        name: Name in the registry.
        version: The version.
        folder: Where the model appears.

    Raises:
        InvalidInput: If the version holds none, or its files are gone.
    """
    with TemporaryDirectory(prefix="medgantry-registry-") as scratch:
        uri = f"models:/{name}/{version}"
        try:
            found = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
        except (mlflow.exceptions.MlflowException, OSError) as error:
            raise InvalidInput(
                f"{uri} is registered, but its files cannot be read: {error}.",
                "Restore them, or give the alias champion to another version.",
            ) from error
        models = [place for mark in MARKS.values() for place in sorted(found.rglob(mark))]
        if not models:
            raise InvalidInput(f"{uri} holds no {' and no '.join(MARKS)}.", "Choose a model of another name.")
        shutil.copytree(models[0].parent, folder)
