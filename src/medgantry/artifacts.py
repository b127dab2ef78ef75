"""The nouns as KFP artifact types: markers that name what a wire carries.

A component receives a plain `Dataset`, `Model` or `Artifact` at run time; what a noun can do lives in the
library classes that open and check its folder (`medgantry.cohort.Cohort` and so on).
"""

from kfp import dsl


class Cohort(dsl.Dataset):  # type: ignore[misc]
    """Cases, their files, split and ledger."""


class IngestPlan(dsl.Dataset):  # type: ignore[misc]
    """Which study goes to which ingest task; sealed, because it names people."""


class IngestReceipt(dsl.Dataset):  # type: ignore[misc]
    """What one ingest task made of its studies."""


class ShardPlan(dsl.Dataset):  # type: ignore[misc]
    """Which case goes to which shard."""


class ShardReceipt(dsl.Dataset):  # type: ignore[misc]
    """What one preprocessing task committed."""


class ShardSet(dsl.Dataset):  # type: ignore[misc]
    """Preprocessed cases in safetensors shards."""


class Bundle(dsl.Model):  # type: ignore[misc]
    """A MONAI bundle, trained or not."""


class Champion(dsl.Model):  # type: ignore[misc]
    """The bundle that is champion, with its version; or that there is none."""


class Evaluation(dsl.Artifact):  # type: ignore[misc]
    """Metrics with intervals, per-case results, predictions and report."""


class DriftFinding(dsl.Artifact):  # type: ignore[misc]
    """What a window of requests differs in from training cases."""


class Registration(dsl.Artifact):  # type: ignore[misc]
    """A registered model version and the decision about it."""


class PredictionPlan(dsl.Dataset):  # type: ignore[misc]
    """Which case goes to which task that predicts."""


class PredictionReceipt(dsl.Dataset):  # type: ignore[misc]
    """What one such task committed."""


class Measurements(dsl.Dataset):  # type: ignore[misc]
    """What was measured in predictions, and what each was made of."""


class DicomExport(dsl.Artifact):  # type: ignore[misc]
    """DICOM objects of predictions, and what became of them."""


class FeatureTable(dsl.Dataset):  # type: ignore[misc]
    """What is known of subjects, and from when on."""


class FeaturePlan(dsl.Dataset):  # type: ignore[misc]
    """Which subject goes to which task that extracts features."""


class FeatureReceipt(dsl.Dataset):  # type: ignore[misc]
    """What one such task made."""


class SurvivalModel(dsl.Model):  # type: ignore[misc]
    """A model of time to an event, with its out-of-fold predictions."""
