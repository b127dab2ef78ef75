"""The component `merge_cohort`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort, IngestPlan


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def merge_cohort(
    plan: dsl.Input[IngestPlan],
    receipts: dsl.Input[list[dsl.Dataset]],
    cohort: dsl.Output[Cohort],
    report: dsl.Output[dsl.HTML],
    regions: str = "",
    max_rejected: float = 0.2,
    external: bool = False,
):
    """Fold what the ingest tasks made into one cohort.

    Args:
        plan: Which study went to which task.
        receipts: What the tasks made.
        regions: JSON object of region name to label names; empty makes a region of every label.
        max_rejected: Allowed share of rejected items among those that `select` did not leave out, 0 to 1.
        external: Whether the cohort shares no patient with any training data.

    Returns:
        cohort: The cases, their files by URI and hash, and the ledger.
        report: Quality: attrition, verdicts, pictures, what de-identification did.
    """
    from pathlib import Path

    from medgantry.ingest.dicom.step import merge

    folders = [Path(receipt.path) for receipt in receipts]
    limits = {"regions": regions, "max_rejected": max_rejected, "external": external}
    merge(Path(plan.path), folders, Path(cohort.path), Path(report.path), **limits)
