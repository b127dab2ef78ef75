"""The component `predict`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def predict(
    bundle: dsl.Input[Bundle],
    cohort: dsl.Input[Cohort],
    predictions: dsl.Output[Cohort],
    split: str = "",
):
    """Apply a trained bundle to the cases of a cohort, in source geometry.

    Args:
        bundle: A trained bundle.
        cohort: With the bundle's channels.
        split: The side to predict; empty for all cases.

    Returns:
        predictions: The cohort of these cases, each with a file of role prediction.
    """
    from pathlib import Path

    from medgantry.inference.predict import predict_step

    predict_step(Path(bundle.path), Path(cohort.path), Path(predictions.path), split=split)
