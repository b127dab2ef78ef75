"""The pipeline `ingest_dicom`."""

from kfp import dsl

from components.summarize_run import summarize_run
from pipelines.ingesting import ingesting
from pipelines.resources import light


@dsl.pipeline(
    name="ingest-dicom", description="DICOM studies to a cohort: selected, judged, de-identified, verified."
)
def ingest_dicom(
    source: str,
    select: str = "",
    labels: str = "",
    deidentify: str = "modified-dates,clean-pixel-data",
    repairs: str = "",
    keep_dicom: bool = False,
    reidentification: bool = False,
    shards: int = 8,
    regions: str = "",
    max_rejected: float = 0.2,
    external: bool = False,
    memory: str = "8Gi",
):
    """From an archive or a PACS to a trusted cohort."""
    with dsl.ExitHandler(light(summarize_run())):
        ingesting(
            source=source,
            select=select,
            labels=labels,
            deidentify=deidentify,
            repairs=repairs,
            keep_dicom=keep_dicom,
            reidentification=reidentification,
            shards=shards,
            regions=regions,
            max_rejected=max_rejected,
            external=external,
            memory=memory,
        )
