"""The component `train_survival`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeatureTable, SurvivalModel


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def train_survival(
    features: dsl.Input[FeatureTable],
    model: dsl.Output[SurvivalModel],
    columns: str = "",
    settings: str = "",
    seed: int = 0,
):
    """Learn to predict the time to an event from features of several modalities.

    Args:
        features: One row per subject at the time origin, with columns of roles time and event.
        columns: Features to learn from, comma separated; empty for all.
        settings: JSON object of settings that differ from their defaults, such as {"known_until": "surgery"}.
        seed: Draws the folds.

    Returns:
        model: Models of each modality and of all together, with their out-of-fold predictions.
    """
    from pathlib import Path

    from medgantry.survival.step import train_survival_step

    folders = Path(features.path), Path(model.path)
    train_survival_step(*folders, columns=columns, settings=settings, seed=seed)
