"""A registered bundle as MLflow's users load it, from the real registry."""

import json

import mlflow
import numpy as np
import pandas
import pytest

from medgantry.evaluation.evaluate import evaluate
from medgantry.inference import Classifier
from medgantry.registry.gate import GateConfig
from medgantry.registry.register import register
from medgantry.steps import StepRecord
from medgantry.storage.files import fetch
from tests.medgantry.colours import CLASSES, make_bundle, make_cohort

RECORD = StepRecord(step="test")


@pytest.fixture
def registered(store, tmp_path):
    """The name of a model with a champion, its bundle, and photos of test cases."""
    cohort = make_cohort(store, tmp_path, test=6)
    bundle = make_bundle(tmp_path / "bundle", cohort, noise=0.2, temperature=2.5)
    judged = evaluate(cohort, bundle, None, tmp_path / "e", split="test", seed=0, record=RECORD)
    name = f"loaded-{store.prefix[:12]}"
    register(bundle, cohort, judged, tmp_path / "e", name=name, gate=GateConfig(), record=RECORD)
    files = [cohort.files_of[case_id][0] for case_id in cohort.side("test")]
    return name, bundle, [fetch(file.uri, file.sha256, tmp_path, file.format) for file in files]


def test_the_champion_gives_each_photos_calibrated_probabilities(registered):
    name, bundle, paths = registered
    model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    classifier = Classifier(bundle)
    wanted = [classifier.predict_case({"image": path}) for path in paths]
    for column in ("image", "RGB"):
        found = model.predict(pandas.DataFrame({column: [str(path) for path in paths]}))
        assert isinstance(found, pandas.DataFrame)
        assert list(found.columns) == CLASSES
        assert found.to_numpy().tolist() == [list(one.probabilities) for one in wanted]
    assert np.allclose(found.sum(axis=1), 1)
    assert len(found.drop_duplicates()) == len(paths)
    raw = np.exp([one.logits for one in wanted])
    assert not np.allclose(found, raw / raw.sum(axis=1, keepdims=True), atol=1e-3)
    nothing = model.predict(pandas.DataFrame({"image": []}))
    assert (len(nothing), list(nothing.columns)) == (0, CLASSES)


def test_what_is_loaded_is_the_bundle_with_its_evidence_and_no_pickle(registered, tmp_path):
    name, bundle, _ = registered
    folder = tmp_path / "model"
    mlflow.artifacts.download_artifacts(f"models:/{name}@champion", dst_path=str(folder))
    (data,) = folder.glob("**/configs/metadata.json")
    kept = data.parents[1]
    assert (kept / "models/model.pt").read_bytes() == bundle.weights.read_bytes()
    assert json.loads((kept / "evidence/metrics.json").read_text())["task"] == "classification"
    assert not list(folder.rglob("*.pkl"))
