"""The component `register_survival`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Evaluation, Registration, SurvivalModel


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def register_survival(
    model: dsl.Input[SurvivalModel],
    evaluation: dsl.Input[Evaluation],
    registration: dsl.Output[Registration],
    model_name: str,
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
):
    """Register a model of survival with its evidence; it becomes champion if it is shown to be better.

    Args:
        model: What train_survival made.
        evaluation: Of this model.
        model_name: Name in the registry.
        min_gain: The lower bound of the paired difference to the champion must lie above this.
        max_subgroup_drop: How much a subgroup may lose.

    Returns:
        registration: Version, champion and the reason.
    """
    from pathlib import Path

    from medgantry.registry.register_survival import register_survival_step

    folders = Path(model.path), Path(evaluation.path), Path(registration.path)
    options = {"min_gain": min_gain, "max_subgroup_drop": max_subgroup_drop}
    register_survival_step(*folders, name=model_name, **options)
