"""The step `open_survival`: a model of survival of an earlier run, and the table that it learnt from."""

from pathlib import Path

from medgantry.features.table import FeatureTable
from medgantry.steps import step
from medgantry.storage.opening import bring_folder
from medgantry.survival.model import SurvivalModel


def open_survival_step(model: Path, features: Path, *, model_uri: str, features_uri: str) -> None:
    """Bring both folders and check them.

    Args:
        model: Where the model goes; what is there is replaced.
        features: The same for the table.
        model_uri: As `bring_folder` takes it.
        features_uri: The same.

    Raises:
        InvalidInput: If one is not there, or was changed by hand.
        Mismatch: If the model learnt from another table.
    """
    with step("open_survival") as record:
        opened = bring_folder(model_uri, model, "model.json", SurvivalModel.open)
        table = bring_folder(features_uri, features, "columns.json", FeatureTable.open)
        opened.predictions.check_table(table.content_hash)
        record.facts = {
            "model_hash": opened.model_hash,
            "table_hash": table.content_hash,
            "subjects": len(opened.predictions.subjects),
        }
