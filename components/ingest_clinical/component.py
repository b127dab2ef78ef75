"""The component `ingest_clinical`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeatureTable


@dsl.component(base_image=images.FEATURES, install_kfp_package=False)
def ingest_clinical(
    features: dsl.Output[FeatureTable],
    outcomes: dsl.Output[FeatureTable],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    source: str,
    roles: str,
    deidentify: str = "pseudonyms",
    max_rejected: float = 0.2,
):
    """Read a clinical table into what was known of subjects and what became of them.

    Args:
        source: The CSV: a path, s3://bucket/key, or s3+https://host/bucket/key of a public bucket.
        roles: What its columns mean: medgantry:nsclc_radiogenomics, or a role file's path or s3://bucket/key.
        deidentify: none for a table that is de-identified; else pseudonyms, or what the images' ingest was given.
        max_rejected: Allowed share of rejected subjects, 0 to 1.

    Returns:
        features: Baseline columns and the site, a row for each date from which more was known.
        outcomes: Time, event and what came after, a row per subject at the origin of time.
        report: Columns, missing values, follow-up, target leakage and bias.
        metrics: Subjects, events, follow-up, rejected subjects, columns that tell too much.
    """
    from pathlib import Path

    from medgantry.features.clinical.step import ingest_clinical

    folders = Path(features.path), Path(outcomes.path), Path(report.path)
    options = {"source": source, "roles": roles, "deidentify": deidentify, "max_rejected": max_rejected}
    for name, value in ingest_clinical(*folders, **options).items():
        metrics.log_metric(name, value)
