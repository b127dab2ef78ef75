"""The pipeline `batch_inference`."""

from kfp import dsl

from components.export_dicom import export_dicom
from components.open_bundle import open_bundle
from components.summarize_run import summarize_run
from pipelines.ingesting import ingesting
from pipelines.predicting import predicting
from pipelines.resources import light, with_archive, with_retries


@dsl.pipeline(
    name="batch-inference",
    description="DICOM in, predictions, measurements and DICOM-SEG out, with a trained bundle.",
)
def batch_inference(
    source: str,
    bundle: str,
    trust_bundle: bool = False,
    override: str = "",
    select: str = "",
    deidentify: str = "modified-dates,clean-pixel-data",
    repairs: str = "",
    shards: int = 8,
    max_rejected: float = 0.2,
    target: str = "",
    measurements: bool = False,
    memory: str = "8Gi",
):
    """From an archive or a PACS to predictions, and to segmentations in it."""
    with dsl.ExitHandler(light(summarize_run())):
        opened = light(open_bundle(uri=bundle, override=override, training=False, trust=trust_bundle))
        cohort = ingesting(
            source=source,
            select=select,
            deidentify=deidentify,
            repairs=repairs,
            shards=shards,
            max_rejected=max_rejected,
            memory=memory,
        )
        predictions = predicting(
            cohort=cohort.output, bundle=opened.outputs["bundle"], max_rejected=max_rejected, memory=memory
        )
        exported = export_dicom(
            predictions=predictions.output,
            bundle=opened.outputs["bundle"],
            target=target,
            measurements=measurements,
        )
        with_retries(with_archive(light(exported)))
