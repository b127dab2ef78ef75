"""From the registry to an immutable copy that a model server can read."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient

from medgantry.errors import InvalidInput
from medgantry.registry.open_champion import download_model
from medgantry.registry.versions import present_champion
from medgantry.storage import ObjectStore, folder_exists, publish_folder


def publish_champion(name: str, store: ObjectStore) -> tuple[int, str]:
    """Copy the champion to `serving/<name>/<version>/`, unless it is there.

    A registered model's own location is one that KServe cannot read.

    Returns:
        Version and prefix.

    Raises:
        InvalidInput: If nobody is champion, or the registered model is of no kind that is served.
    """
    champion = present_champion(MlflowClient(), name)
    if champion is None:
        raise InvalidInput(
            f"No version of {name!r} is champion, so there is nothing to serve.",
            "Register one that the gate lets, or give a version the alias champion in MLflow.",
        )
    version = champion.version
    prefix = f"serving/{name}/{version}"
    if not folder_exists(store, prefix):
        with TemporaryDirectory(prefix="medgantry-publish-") as scratch:
            folder = Path(scratch) / "model"
            download_model(name, version, folder)
            publish_folder(store, prefix, folder)
    return version, prefix
