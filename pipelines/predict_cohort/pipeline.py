"""The pipeline `predict_cohort`."""

from kfp import dsl

from components.export_dicom import export_dicom
from components.open_bundle import open_bundle
from components.open_cohort import open_cohort
from components.summarize_run import summarize_run
from pipelines.predicting import predicting
from pipelines.resources import light, with_archive, with_retries


@dsl.pipeline(
    name="predict-cohort",
    description="A cohort in, predictions, measurements and DICOM-SEG out, with a trained bundle.",
)
def predict_cohort(
    cohort: str,
    bundle: str,
    trust_bundle: bool = False,
    override: str = "",
    split: str = "",
    max_rejected: float = 0.2,
    target: str = "",
    measurements: bool = False,
    memory: str = "8Gi",
):
    """From a cohort of an earlier run to predictions, and to segmentations in a PACS if it came from DICOM."""
    with dsl.ExitHandler(light(summarize_run())):
        opened = light(open_bundle(uri=bundle, override=override, training=False, trust=trust_bundle))
        brought = light(open_cohort(uri=cohort))
        predictions = predicting(
            cohort=brought.outputs["cohort"],
            bundle=opened.outputs["bundle"],
            split=split,
            max_rejected=max_rejected,
            memory=memory,
        )
        exported = export_dicom(
            predictions=predictions.output,
            bundle=opened.outputs["bundle"],
            target=target,
            measurements=measurements,
        )
        with_retries(with_archive(light(exported)))
