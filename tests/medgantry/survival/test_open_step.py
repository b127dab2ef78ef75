"""A model of survival and its table by their URIs; how folders are brought is tested with `open_cohort`."""

import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.table import FeatureTable
from medgantry.steps import read_records
from medgantry.storage import publish_folder
from medgantry.survival.model import SurvivalModel
from medgantry.survival.open_step import open_survival_step
from tests.medgantry.monitoring.subjects import learn
from tests.medgantry.survival.cohorts import table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnt")
    made = table(60)
    made.save(folder / "features")
    table(60, seed=1).save(folder / "others")
    learn(made).save(folder / "model")
    return folder


def bring(out, model, features):
    open_survival_step(out / "model", out / "features", model_uri=str(model), features_uri=str(features))


def test_a_published_model_and_a_table_that_kfp_keeps_are_brought(store, folder, tmp_path):
    publish_folder(store, "survival/k", folder / "model")
    for path in (folder / "features").iterdir():
        store.put_file(f"v2/artifacts/run/features/{path.name}", path)
    bring(tmp_path, store.uri("survival/k"), store.uri("v2/artifacts/run/features"))
    model = SurvivalModel.open(tmp_path / "model")
    assert model.model_hash == SurvivalModel.open(folder / "model").model_hash
    assert FeatureTable.open(tmp_path / "features").content_hash == model.predictions.table_hash
    assert read_records(store, "test")[-1]["facts"]["model_hash"] == model.model_hash


def test_what_is_not_there_or_not_the_models_is_refused(store, folder, tmp_path):
    with pytest.raises(InvalidInput, match=r"features holds no model\.json.*docs/monitoring\.md"):
        bring(tmp_path, folder / "features", folder / "features")
    with pytest.raises(InvalidInput, match=r"nowhere holds no columns\.json"):
        bring(tmp_path, folder / "model", tmp_path / "nowhere")
    with pytest.raises(Mismatch, match="learnt from feature table"):
        bring(tmp_path, folder / "model", folder / "others")
