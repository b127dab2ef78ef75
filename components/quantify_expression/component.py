"""The component `quantify_expression`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeaturePlan, FeatureReceipt


@dsl.component(base_image=images.GENOMICS, install_kfp_package=False)
def quantify_expression(plan: dsl.Input[FeaturePlan], receipt: dsl.Output[FeatureReceipt], index: int):
    """Quantify the samples of one task with salmon; samples that were done before are taken as they are.

    Args:
        plan: Which sample goes to which task, and the index.
        index: The task.

    Returns:
        receipt: What was committed, and why a sample could not be quantified.
    """
    from pathlib import Path

    from medgantry.features.expression.quantification.step import quantify

    quantify(Path(plan.path), Path(receipt.path), index=int(index))
