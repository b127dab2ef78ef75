"""The component `ingest_nifti`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def ingest_nifti(
    cohort: dsl.Output[Cohort],
    source: str,
    source_md5: str = "",
    layout: str = "auto",
    regions: str = "",
    labels: str = "",
    max_rejected: float = 0.2,
    external: bool = False,
):
    """Read NIfTI, NRRD, MetaImage or NumPy volumes into a cohort, with a verdict for every case.

    Args:
        source: Folder, Decathlon .tar, s3://bucket/prefix, or s3+https://host/bucket/prefix of a public bucket.
        source_md5: Expected MD5 of a .tar; empty when unknown.
        layout: decathlon, brats, table, or auto.
        regions: JSON object of region name to label names; empty makes a region of every label.
        labels: JSON object of label name to code, needed for a table.
        max_rejected: Allowed share of rejected cases, 0 to 1.
        external: Whether the cohort shares no patient with any training data.

    Returns:
        cohort: The cases, their files by URI and hash, and the ledger.
    """
    from pathlib import Path

    from medgantry.ingest.step import ingest_nifti

    ingest_nifti(
        Path(cohort.path),
        source=source,
        source_md5=source_md5,
        layout=layout,
        regions=regions,
        labels=labels,
        max_rejected=max_rejected,
        external=external,
    )
