"""A survival model's training subjects as a reference.

Their features alone: the risk that requests are answered with has no training side that it could be held beside.
The model learnt from these subjects and tells them apart too well; what was said of them out of fold is of other
models, each with a scale of its own. Both differ from the answers without any drift (docs/monitoring.md).
"""

from medgantry.features.table import SUBJECT, FeatureTable
from medgantry.monitoring.case_statistics import table_statistics
from medgantry.monitoring.observation import Observation
from medgantry.monitoring.reference import Reference
from medgantry.survival.model import SurvivalModel


def make_feature_reference(model: SurvivalModel, table: FeatureTable) -> Reference:
    """Look at the subjects that a model learnt from, as requests look at theirs.

    Args:
        model: The model.
        table: What it learnt from.

    Raises:
        Mismatch: If it learnt from another table.
    """
    model.predictions.check_table(table.content_hash)
    learnt = set(model.predictions.subjects)
    seen = [table_statistics(model.features, row) for row in table.rows if row[SUBJECT] in learnt]
    return Reference(
        sources={"model": model.model_hash, "feature table": table.content_hash},
        answers="",
        observations=[Observation(inputs=one.scalars(), categories=one.labels()) for one in seen],
    )
