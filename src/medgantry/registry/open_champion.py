"""The step `open_champion`: the champion's bundle out of the registry, to be compared with."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient

from medgantry.errors import InvalidInput
from medgantry.evaluation.champion import bundle_folder, write_champion
from medgantry.registry.register import present_champion
from medgantry.steps import step


def open_champion_step(output: Path, *, name: str) -> None:
    """Bring the champion of a registered model, or say that there is none; the arguments are the component's."""
    with step("open_champion") as record:
        champion = present_champion(MlflowClient(), name)
        version = champion.version if champion else 0
        shutil.rmtree(output, ignore_errors=True)
        if champion:
            download_bundle(name, version, bundle_folder(output))
        write_champion(output, name=name, version=version)
        record.facts = {"model": name, "version": version or None}


def download_bundle(name: str, version: int, folder: Path) -> None:
    """Bring a version's bundle to a folder.

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
        bundles = sorted(found.rglob("configs/metadata.json"))
        if not bundles:
            raise InvalidInput(f"{uri} holds no MONAI bundle.", "Register one with `register`.")
        shutil.copytree(bundles[0].parent.parent, folder)
