"""Copy the last row of each subject to an online store, for who asks for one subject at a time."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.features.store.feast_view import ENTITY
from medgantry.features.store.historical import open_feast
from medgantry.features.store.published import Published, folder
from medgantry.features.store.registry import Registry
from medgantry.features.table import TIMESTAMP
from medgantry.storage import ObjectStore


def materialise(store: ObjectStore, project: str, view: str, settings: Mapping[str, Any]) -> None:
    """Write a view's current version to an online store; the registry on S3 stays as it is.

    Args:
        store: The store.
        project: Name of the Feast project.
        view: Name of the view.
        settings: Feast's `online_store`.

    Raises:
        InvalidInput: If Feast knows no such online store.
    """
    registry = Registry(store, project)
    table = Published.download(store, folder(project, view, registry.version(view))).table
    times = [row[TIMESTAMP] for row in table.rows]
    with TemporaryDirectory(prefix="medgantry-") as scratch:
        registry.save(Path(scratch) / "registry.db")
        try:
            feature_store = open_feast(project, Path(scratch) / "registry.db", settings)
        except Exception as error:  # pydantic's or Feast's own
            raise InvalidInput(
                f'online must be Feast\'s online_store, such as {{"type": "sqlite", "path": "..."}}: {error}.'
            ) from error
        feature_store.apply([feature_store.get_entity(ENTITY), feature_store.get_feature_view(view)])
        feature_store.materialize(
            min(times) - timedelta(seconds=1), max(times) + timedelta(seconds=1), feature_views=[view]
        )
