"""The component `open_survival`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeatureTable, SurvivalModel


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def open_survival(
    model: dsl.Output[SurvivalModel], features: dsl.Output[FeatureTable], model_uri: str, features_uri: str
):
    """Bring a model of survival that an earlier run made, and the table that it learnt from, and check them.

    Args:
        model_uri: s3:// of the folder that a step published, or of KFP's artifact; on a laptop also a path.
        features_uri: The same, of the table that train_survival was given.

    Returns:
        model: The model, as it was written.
        features: The table, as it was written.
    """
    from pathlib import Path

    from medgantry.survival.open_step import open_survival_step

    folders = Path(model.path), Path(features.path)
    open_survival_step(*folders, model_uri=model_uri, features_uri=features_uri)
