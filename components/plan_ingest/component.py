"""The component `plan_ingest`."""

from kfp import dsl

from components import images
from medgantry.artifacts import IngestPlan


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def plan_ingest(
    plan: dsl.Output[IngestPlan],
    source: str,
    select: str = "",
    labels: str = "",
    deidentify: str = "modified-dates,clean-pixel-data",
    repairs: str = "",
    keep_dicom: bool = False,
    reidentification: bool = False,
    shards: int = 8,
) -> list[int]:
    """List the studies of a DICOM source and deal them to tasks.

    Args:
        source: Folder, .tar or .zip, s3:// prefix, dicomweb+https:// or dimse:// address, or a .tcia manifest.
        select: JSON object: which series become cases (modality, image_type, has, thickness_mm, one_per, ...).
        labels: JSON object of label name to regular expression for segments and regions; empty reads no masks.
        deidentify: Options of the PS3.15 profile, basic for none, or none for a source that is de-identified.
        repairs: Allowed repairs of gap, spacing, tilt and padding, separated by commas.
        keep_dicom: Whether DICOM files are kept with their pixels, de-identified.
        reidentification: Whether a table of pseudonyms is kept in the store, sealed with the key.
        shards: Wanted number of tasks, 1 to 128.

    Returns:
        plan: Which study goes to which task, sealed with the de-identification key.
        Output: Indices of the fan-out's tasks.
    """
    from pathlib import Path

    from medgantry.ingest.dicom.step import plan as plan_step

    texts = {
        "source": source,
        "select": select,
        "labels": labels,
        "deidentify": deidentify,
        "repairs": repairs,
    }
    kept = {"keep_dicom": keep_dicom, "reidentification": reidentification}
    return plan_step(Path(plan.path), shards=shards, **texts, **kept)
