"""The component `merge_expression`."""

from typing import Optional

from kfp import dsl

from components import images
from medgantry.artifacts import FeaturePlan, FeatureTable


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def merge_expression(
    plan: dsl.Input[FeaturePlan],
    receipts: dsl.Input[list[dsl.Dataset]],
    expression: dsl.Output[FeatureTable],
    abundances: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    outcomes: Optional[dsl.Input[FeatureTable]] = None,
    genes: str = "",
    transform: str = "log2",
    min_pairs: int = 5_000_000,
    min_mapped: float = 0.4,
    max_rejected: float = 0.2,
):
    """Fold what the quantification tasks made into features of patients.

    Args:
        plan: Which sample went to which task.
        receipts: What the tasks committed.
        outcomes: Outcomes counted from surgery, when the tissue was taken: from then on a value is known.
        genes: Symbols separated by commas, a list of ours such as medgantry:nsclc_21, or a file; empty for all.
        transform: log2 for log2(TPM + 1), or none.
        min_pairs: Least number of pairs that are of a transcript.
        min_mapped: Their least share of all pairs, 0 to 1.
        max_rejected: Allowed share of rejected patients, 0 to 1.

    Returns:
        expression: A row per patient, a column per gene.
        abundances: transcripts.parquet with TPM and fragments, and genes.tsv with TPM of genes by patients.
        report: Quality of each sample, and why others are missing.
    """
    from pathlib import Path

    from medgantry.features.expression.quantification.merge_step import merge_expression

    known = Path(outcomes.path) if outcomes else None
    made = Path(expression.path), Path(abundances.path), Path(report.path)
    limits = {"min_pairs": int(min_pairs), "min_mapped": min_mapped, "max_rejected": max_rejected}
    folders = [Path(receipt.path) for receipt in receipts]
    merge_expression(Path(plan.path), folders, known, *made, genes=genes, transform=transform, **limits)
