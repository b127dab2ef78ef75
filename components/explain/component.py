"""The component `explain`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle, Cohort, Evaluation


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def explain(
    bundle: dsl.Input[Bundle],
    cohort: dsl.Input[Cohort],
    evaluation: dsl.Input[Evaluation],
    explanations: dsl.Output[dsl.HTML],
    cases: int = 4,
    seed: int = 0,
):
    """Show what a classification bundle looked at: Grad-CAM++, occlusion sensitivity, SmoothGrad.

    Args:
        bundle: A trained classification bundle.
        cohort: The cohort it was evaluated on.
        evaluation: Of this bundle; it says which cases were right and wrong.
        cases: How many right and how many wrong cases are shown, the most confident first.
        seed: Of SmoothGrad's noise.

    Returns:
        explanations: A page of pictures.
    """
    from pathlib import Path

    from medgantry.evaluation.classification.explanations import explain_step

    folders = Path(bundle.path), Path(cohort.path), Path(evaluation.path), Path(explanations.path)
    explain_step(*folders, cases=cases, seed=seed)
