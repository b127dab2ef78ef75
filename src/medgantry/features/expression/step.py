"""The step `ingest_expression`."""

import hashlib
import math
from pathlib import Path
from typing import cast

from medgantry.features.expression.config import ExpressionConfig, Missing, Transform
from medgantry.features.expression.facts import note_features
from medgantry.features.expression.features import make_features
from medgantry.features.expression.gene_list import open_genes
from medgantry.features.expression.gene_table import STEP, one_row_per_gene
from medgantry.features.expression.table_reader import read_gene_table
from medgantry.features.expression.times import open_times
from medgantry.features.subjects import subjects_for
from medgantry.steps import step
from medgantry.storage.files import read_bytes


def ingest_expression(
    output: Path,
    outcomes_folder: Path | None,
    *,
    source: str,
    genes: str,
    unit: str,
    transform: str,
    missing: str,
    deidentify: str,
    max_rejected: float,
) -> None:
    """Read a table of genes by patients; the arguments are the component's.

    A table is read faster than it would be fetched, so nothing is kept for later runs.
    """
    with step(STEP) as record:
        config = ExpressionConfig(
            unit=unit,
            transform=cast("Transform", transform),
            missing=cast("Missing", missing),
            genes=open_genes(genes),
            max_rejected=max_rejected,
        )
        data, subjects = read_bytes(source), subjects_for(deidentify)
        filled = 0.0 if config.missing == "not expressed" else math.nan
        table = one_row_per_gene(read_gene_table(data, subjects, missing=filled), addable=config.is_linear)
        provenance = {"sha256": hashlib.sha256(data).hexdigest(), "naming": subjects.fingerprint}
        features = make_features(table, config, open_times(outcomes_folder), provenance)
        features.save(output)
        note_features(record, features, config)
