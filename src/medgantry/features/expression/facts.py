"""What a step tells of the features it made."""

from dataclasses import asdict

from medgantry import ledger
from medgantry.features.expression.config import ExpressionConfig
from medgantry.features.table import FeatureTable
from medgantry.steps import StepRecord


def note_features(record: StepRecord, features: FeatureTable, config: ExpressionConfig) -> None:
    """Write verdicts and facts into the step's record."""
    record.verdicts = ledger.counts(features.entries)
    record.facts = {
        "content_hash": features.content_hash,
        "patients": len(features.subjects),
        "genes": len(features.columns),
        "unit": config.feature_unit,
        "warning": config.genes.warning,
        "rejected": [asdict(entry) for entry in features.entries if entry.verdict == "rejected"][:100],
    }
