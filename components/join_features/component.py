"""The component `join_features`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeatureTable


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def join_features(
    outcomes: dsl.Input[FeatureTable],
    features: dsl.Output[FeatureTable],
    report: dsl.Output[dsl.HTML],
    project: str,
    views: str = "clinical,radiomics,expression",
):
    """Join outcomes with what was known of each subject when its outcome is predicted, and with nothing known later.

    Args:
        outcomes: One row per subject at its prediction time, with time and event.
        project: Name of the Feast project.
        views: Names of feature views, separated by commas.

    Returns:
        features: The joined table; columns are named <view>__<name>.
        report: Attrition by modality, and what was left out and why.
    """
    from pathlib import Path

    from medgantry.features.store.step import join_step

    folders = Path(outcomes.path), Path(features.path), Path(report.path)
    join_step(*folders, views=views, project=project)
