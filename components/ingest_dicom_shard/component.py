"""The component `ingest_dicom_shard`."""

from kfp import dsl

from components import images
from medgantry.artifacts import IngestPlan, IngestReceipt


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def ingest_dicom_shard(plan: dsl.Input[IngestPlan], receipt: dsl.Output[IngestReceipt], index: int):
    """Ingest the studies of one task of a plan; studies that were done before are taken as they are.

    Args:
        plan: Which study goes to which task.
        index: The task.

    Returns:
        receipt: What became of each study.
    """
    from pathlib import Path

    from medgantry.ingest.dicom.step import ingest_shard

    ingest_shard(Path(plan.path), Path(receipt.path), index=int(index))
