"""The component `ingest_expression`."""

from typing import Optional

from kfp import dsl

from components import images
from medgantry.artifacts import FeatureTable


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def ingest_expression(
    expression: dsl.Output[FeatureTable],
    source: str,
    outcomes: Optional[dsl.Input[FeatureTable]] = None,
    genes: str = "",
    unit: str = "FPKM",
    transform: str = "log2",
    missing: str = "unmeasured",
    deidentify: str = "pseudonyms",
    max_rejected: float = 0.2,
):
    """Read a table of genes by patients into features, with a verdict for every patient.

    Args:
        source: Path or s3:// URI of the table: tab-separated or CSV, gzip or not, a gene per row.
        outcomes: Outcomes counted from surgery, when the tissue was taken: from then on a value is known.
        genes: Symbols separated by commas, a list of ours such as medgantry:nsclc_21, or a file; empty for all.
        unit: What the values are: FPKM, RPKM, TPM, or another name such as z-score.
        transform: log2 for log2(x + 1), or none for values that are scaled already.
        missing: What a missing value means: unmeasured, or not expressed, which is 0.
        deidentify: none for a table that is de-identified; else pseudonyms, or what the images' ingest was given.
        max_rejected: Allowed share of rejected patients, 0 to 1.

    Returns:
        expression: A row per patient, a column per gene.
    """
    from pathlib import Path

    from medgantry.features.expression.step import ingest_expression

    known = Path(outcomes.path) if outcomes else None
    texts = {"source": source, "genes": genes, "unit": unit, "transform": transform, "missing": missing}
    rest = {"deidentify": deidentify, "max_rejected": max_rejected}
    ingest_expression(Path(expression.path), known, **texts, **rest)
