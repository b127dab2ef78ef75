"""The component `ingest_pairs`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Cohort


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def ingest_pairs(
    cohort: dsl.Output[Cohort],
    source: str,
    source_md5: str = "",
    layout: str = "auto",
    modality: str = "CT",
    max_rejected: float = 0.2,
    external: bool = False,
):
    """Read pairs of volumes that are to be registered into a cohort, with a verdict for every pair.

    Args:
        source: Folder, CSV, .tar or .zip, s3://bucket/prefix, or s3+https://host/bucket/prefix of a public bucket.
        source_md5: Expected MD5 of an archive; empty when unknown.
        layout: learn2reg, table, or auto.
        modality: Of the images that a table lists; Learn2Reg's say it themselves.
        max_rejected: Allowed share of rejected pairs, 0 to 1.
        external: Whether the cohort shares no patient with any training data.

    Returns:
        cohort: The pairs, their files by role, URI and hash, and the ledger.
    """
    from pathlib import Path

    from medgantry.ingest.pairs.step import PairsConfig, ingest_pairs_step

    config = PairsConfig(layout=layout, modality=modality, max_rejected=max_rejected, external=external)
    ingest_pairs_step(Path(cohort.path), source=source, source_md5=source_md5, config=config)
