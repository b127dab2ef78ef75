"""Models of survival before the gate, with the real registry, and as MLflow's users load them."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from medgantry.errors import Mismatch
from medgantry.evaluation.evaluation import Evaluation
from medgantry.registry.open_champion import open_champion_step
from medgantry.registry.register_survival import register_survival_step
from medgantry.registry.registration import Registration
from medgantry.survival.evaluation.step import evaluate_survival_step
from medgantry.survival.model import SurvivalModel
from medgantry.survival.step import train_survival_step
from tests.medgantry.survival.cohorts import table

SETTINGS = json.dumps(
    {
        "folds": 4,
        "repeats": 2,
        "inner_folds": 2,
        "kept": [1],
        "penalties": [0.1],
        "known_until": "surgery",
    }
)
NOISE = ",".join(f"{modality}__{place}" for modality in ("radiomics", "expression") for place in (3, 4, 5))
PATIENTS = 160


class Place:
    """What the pipeline does: learn, bring the champion, judge, register."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.table = table(PATIENTS)
        self.table.save(folder / "table")

    def present(self, key, columns=""):
        there = self.folder / key
        train_survival_step(
            self.folder / "table", there / "model", columns=columns, settings=SETTINGS, seed=0
        )
        open_champion_step(there / "champion", name=self.name)
        places = there / "model", self.folder / "table", there / "champion", there / "e", there / "report"
        evaluate_survival_step(*places, horizons="")
        return self.register(key, key)

    def register(self, model, evaluation):
        folders = self.folder / model / "model", self.folder / evaluation / "e", self.folder / model / "r"
        register_survival_step(*folders, name=self.name, min_gain=0.0, max_subgroup_drop=1.0)
        return Registration.open(folders[2])


@pytest.fixture
def place(store, tmp_path: Path):
    return Place(tmp_path, f"survival-{store.prefix[:12]}")


def test_who_becomes_champion_and_what_it_predicts(place):
    noise = place.present("noise", NOISE)
    assert (noise.promoted, noise.champion, noise.reason) == (True, 1, "there was no champion")
    good = place.present("good")
    assert (good.promoted, good.champion) == (True, 2)
    assert "lower bound clears min_gain" in good.reason
    compared = Evaluation.open(place.folder / "good" / "e").metrics["comparison"]
    assert (compared["version"], compared["cases"]) == (1, PATIENTS)
    again = place.present("again")
    assert (again.promoted, again.champion) == (False, 2)
    assert "same model as version 2" in again.reason
    worse = place.present("worse", f"{NOISE},radiomics__2")
    assert (worse.promoted, worse.champion) == (False, 2)
    assert "does not clear min_gain" in worse.reason
    version = MlflowClient().get_model_version(place.name, str(worse.version))
    assert "Not promoted" in version.description
    assert version.tags["medgantry.features"] == place.table.content_hash
    with pytest.raises(Mismatch, match="evaluation is of model"):
        place.register("good", "worse")
    _check_predictions(place)


def _check_predictions(place):
    """Of the champion, from a data frame."""
    loaded = mlflow.pyfunc.load_model(f"models:/{place.name}@champion")
    wanted = SurvivalModel.open(place.folder / "good" / "model").predict(place.table)
    frame = place.table.data().to_pandas().drop(columns=["event_timestamp", "days", "died"])
    found = loaded.predict(frame)
    assert list(found["subject_id"]) == list(wanted.subjects)
    np.testing.assert_array_equal(found["risk"], wanted.risk)
    np.testing.assert_array_equal(found.drop(columns=["subject_id", "risk"]).to_numpy(), wanted.survival)
    known = {spec.name for spec in loaded.metadata.signature.inputs.inputs}
    assert {"subject_id", "clinical__age", "clinical__stage"} <= known
    assert "clinical__chemotherapy" not in known
    alone = loaded.predict(frame[["subject_id", "clinical__age", "clinical__stage"]])
    assert np.isfinite(alone["risk"]).all()
