import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from components.report_drift import report_drift
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.documents import read_document
from medgantry.errors import InvalidInput
from medgantry.ingest.photos.cohort import ingest, plan_photos
from medgantry.ingest.photos.config import PhotoConfig
from medgantry.phantoms.skin_lesions import write_photos
from medgantry.steps import read_records
from medgantry.storage.files import Source
from tests.medgantry.monitoring.requests import log_photos


class Metrics(dict[str, float]):
    log_metric = dict.__setitem__


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of two hospitals that are alike."""
    folder = tmp_path_factory.mktemp("photos")
    for name, seed in (("trained", 1), ("asked", 2)):
        write_photos(folder / name, images=100, seed=seed, size=(30, 40))
    return folder


@pytest.fixture
def cohort(store, photos, tmp_path):
    source = Source(str(photos / "trained"), tmp_path / "scratch")
    config = PhotoConfig()
    cohort = ingest(source, plan_photos(source, config), config, store)
    split_cohort(cohort, SplitConfig(validation=0.1, test=0.1)).save(tmp_path / "cohort")
    return tmp_path / "cohort"


def run(cohort: Path, model: str, **period: str):
    folder = cohort.parent / model
    folder.mkdir(exist_ok=True)
    outputs = {name: SimpleNamespace(path=str(folder / name)) for name in ("drift", "report")}
    metrics = Metrics()
    report_drift.python_func(
        cohort=SimpleNamespace(path=str(cohort)), **outputs, metrics=metrics, model_name=model, **period
    )
    return metrics, read_document(folder / "drift", "medgantry/drift/1"), (folder / "report").read_text()


def test_a_window_like_training_is_no_drift_and_another_camera_is(store, cohort, photos):
    asked = log_photos(store, "alike", photos / "asked")
    log_photos(store, "darker", photos / "asked", brightness=0.8)

    metrics, document, report = run(cohort, "alike")
    assert (metrics["drift"], metrics["judged"], metrics["requests"]) == (0, 1, asked)
    assert document["drifted"] == []
    assert "No drift found" in report

    metrics, document, report = run(cohort, "darker")
    assert metrics["drift"] == 1
    assert metrics["features_drifted"] == len(document["drifted"]) > 0
    assert all("intensity" in name for name in document["drifted"])
    assert "red intensity at 95%" in document["drifted"]
    for name in document["drifted"]:
        assert f"<td>{name}</td>" in report
    assert f"<b>{document['drifted'][0]}</b>" in report
    assert not re.search(r'(src|href)="(?!data:)', report)
    assert document["reference"]["rejected"] == 0
    assert document["statuses"] == {"answered": asked}

    facts = read_records(store, "test")[-1]
    assert facts["facts"]["drifted"] == document["drifted"]
    assert facts["facts"]["reference_reused"] is True
    assert facts["reused"] is False
    assert facts["verdicts"] == {"ok": document["reference"]["cases"], "repaired": 0, "rejected": 0}
    assert facts["state"] == "succeeded"


def test_mlflow_has_the_same(store, cohort, photos, monkeypatch):
    monkeypatch.setenv("MEDGANTRY_RUN_ID", "drift-in-mlflow")
    log_photos(store, "darker", photos / "asked", brightness=0.8)
    metrics, document, _ = run(cohort, "darker")
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (found,) = client.search_runs(experiments, "tags.`kfp.run_id` = 'drift-in-mlflow'")
    assert metrics.items() <= found.data.metrics.items()
    assert found.data.metrics["moved_red_intensity_at_95_25"] > 0
    kept = mlflow.artifacts.load_text(f"{found.info.artifact_uri}/drift/drift.json")
    assert json.loads(kept)["drifted"] == document["drifted"]
    assert "Drift of darker" in mlflow.artifacts.load_text(f"{found.info.artifact_uri}/drift/drift.html")


def test_too_few_requests_are_said_and_fail_nothing(store, cohort, photos, tmp_path):
    write_photos(tmp_path / "few", images=10, seed=3, size=(30, 40))
    log_photos(store, "few", tmp_path / "few", brightness=0.1)
    metrics, document, report = run(cohort, "few")
    assert (metrics["drift"], metrics["judged"]) == (0, 0)
    assert "<b>Not judged</b>" in report
    assert document["features"] == []
    assert "are needed" in document["untested"]["red intensity at 50%"]


def test_requests_outside_of_the_period_do_not_count(store, cohort, photos):
    log_photos(store, "darker", photos / "asked", brightness=0.8)
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    metrics, *_ = run(cohort, "darker", since=later, until="2999-01-01")
    assert (metrics["requests"], metrics["judged"]) == (0, 0)
    metrics, *_ = run(cohort, "darker", until=later)
    assert metrics["drift"] == 1


def test_a_period_that_is_none_fails_before_any_work(store, cohort):
    with pytest.raises(InvalidInput, match="since must be before until"):
        run(cohort, "skin", since="2027-02-01", until="2027-01-01")
    assert list(store.list("monitoring/")) == []
