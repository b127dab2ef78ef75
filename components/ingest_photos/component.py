"""The component `ingest_photos`."""

from kfp import dsl

from components import images as container_images
from medgantry.artifacts import Cohort


@dsl.component(base_image=container_images.DATA, install_kfp_package=False)
def ingest_photos(
    cohort: dsl.Output[Cohort],
    source: str,
    metadata: str = "",
    images: str = "",
    columns: str = "",
    classes: str = "",
    licence: str = "",
    max_rejected: float = 0.2,
    external: bool = False,
):
    """Read photos that a table lists into a cohort, with a verdict for every image.

    Args:
        source: Folder, .tar, s3://bucket/prefix, or s3+https://host/bucket/prefix of a public bucket.
        metadata: The table's name in the source; empty takes the only one that has the columns.
        images: A folder, zip or pattern of names inside the source; empty takes every image.
        columns: JSON object that names the columns image, group, target, file and extra; empty is HAM10000's.
        classes: The known classes, separated by commas; empty takes any.
        licence: The data's licence, for the cohort's record.
        max_rejected: Allowed share of rejected images and lines, 0 to 1.
        external: Whether the cohort shares no patient with any training data.

    Returns:
        cohort: The cases, their images by URI and hash, and the ledger.
    """
    from pathlib import Path

    from medgantry.ingest.photos.step import ingest_photos

    ingest_photos(
        Path(cohort.path),
        source=source,
        metadata=metadata,
        images=images,
        columns=columns,
        classes=classes,
        licence=licence,
        max_rejected=max_rejected,
        external=external,
    )
