"""The component `publish_features`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeatureTable


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def publish_features(
    table: dsl.Input[FeatureTable],
    project: str,
    view: str = "",
    online: str = "",
) -> str:
    """Publish a feature table to the project's feature store: a new version of a Feast feature view on S3.

    Args:
        table: The feature table.
        project: Name of the Feast project.
        view: Name of the feature view; empty for the table's one modality.
        online: JSON object as Feast's online_store, such as {"type": "redis", "connection_string": "redis:6379"}; the
            last row of each subject is copied there. Empty for none.

    Returns:
        Output: URI of the version.
    """
    from pathlib import Path

    from medgantry.features.store.step import publish_step

    return publish_step(Path(table.path), view=view, project=project, online=online)
