"""From the registry to an immutable copy that a model server can read."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient

from medgantry.registry.open_champion import download_bundle
from medgantry.registry.register import CHAMPION
from medgantry.storage import ObjectStore, folder_exists, publish_folder


def publish_champion(name: str, store: ObjectStore) -> tuple[int, str]:
    """Copy the champion to `serving/<name>/<version>/`, unless it is there.

    A registered model's own location is one that KServe cannot read.

    Returns:
        Version and prefix.

    Raises:
        InvalidInput: If the registered model holds no bundle.
    """
    version = int(MlflowClient().get_model_version_by_alias(name, CHAMPION).version)
    prefix = f"serving/{name}/{version}"
    if not folder_exists(store, prefix):
        with TemporaryDirectory(prefix="medgantry-publish-") as scratch:
            folder = Path(scratch) / "bundle"
            download_bundle(name, version, folder)
            publish_folder(store, prefix, folder)
    return version, prefix
