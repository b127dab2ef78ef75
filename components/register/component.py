"""The component `register`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, Evaluation, Registration


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def register(
    bundle: dsl.Input[Bundle],
    cohort: dsl.Input[Cohort],
    evaluation: dsl.Input[Evaluation],
    registration: dsl.Output[Registration],
    model_name: str,
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
):
    """Register a trained bundle with its evidence; it becomes champion if it is shown to be better.

    Args:
        bundle: A trained bundle.
        cohort: The cohort it was evaluated on; the golden case comes from it.
        evaluation: Of this bundle.
        model_name: Name in the registry.
        min_gain: The lower bound of the paired difference to the champion must lie above this.
        max_subgroup_drop: How much a subgroup may lose.

    Returns:
        registration: Version, champion and the reason.
    """
    from pathlib import Path

    from medgantry.registry.step import register_step

    folders = Path(bundle.path), Path(cohort.path), Path(evaluation.path), Path(registration.path)
    register_step(*folders, name=model_name, min_gain=min_gain, max_subgroup_drop=max_subgroup_drop)
