"""The component `merge_radiomics`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort, FeaturePlan, FeatureTable


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def merge_radiomics(
    cohort: dsl.Input[Cohort],
    plan: dsl.Input[FeaturePlan],
    receipts: dsl.Input[list[dsl.Dataset]],
    features: dsl.Output[FeatureTable],
    max_rejected: float = 0.2,
):
    """Fold what the tasks computed into one table of radiomics.

    Args:
        cohort: The cohort.
        plan: Which case went to which task.
        receipts: What the tasks computed.
        max_rejected: Allowed share of cases without features of a region, ingest's rejected included.

    Returns:
        features: A row for each subject and study date, with settings, provenance and ledger.
    """
    from pathlib import Path

    from medgantry.features.radiomics.step import merge

    paths = [Path(receipt.path) for receipt in receipts]
    merge(Path(cohort.path), Path(plan.path), paths, Path(features.path), max_rejected=max_rejected)
