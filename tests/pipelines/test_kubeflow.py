"""Submitting with the unmodified `kfp.Client` to a server that speaks the v2beta1 API."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from pipelines.__main__ import PIPELINES, app
from pipelines.runners import kubeflow
from tests.cluster.pipelines_api import Look, PipelinesApi

NEEDED = {
    "batch_inference": {"source": "s3://b/archive", "bundle": "s3://b/bundle"},
    "brain_tumor_segmentation": {"source": "s3://b/task"},
    "deployment": {"model_name": "m"},
    "drift_report": {"cohort": "s3://b/steps/split_cohort/k", "model_name": "m"},
    "feature_drift_report": {"model": "s3://b/survival/k", "features": "s3://b/k", "model_name": "m"},
    "ingest_dicom": {"source": "s3://b/archive"},
    "lung_registration": {"source": "s3://b/pairs"},
    "nsclc_survival": {"source": "s3://b/archive", "clinical": "s3://b/c.csv", "expression": "s3://b/e.tsv"},
    "predict_cohort": {"cohort": "s3://b/cohort", "bundle": "s3://b/bundle"},
    "quantify_expression": {
        "sheet": "s3://b/s.csv",
        "transcriptome": "s3://b/t.fa",
        "clinical": "s3://b/c.csv",
    },
    "skin_lesion_classification": {"source": "s3://b/photos"},
    "spleen_segmentation": {"source": "s3://b/task"},
    "train_bundle": {"source": "s3://b/task", "bundle": "s3://b/bundle", "model_name": "m"},
}


def needed(name: str) -> list[str]:
    return [part for key, value in NEEDED[name].items() for part in ("-p", f"{key}={value}")]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[PipelinesApi]:
    server = PipelinesApi(token="secret")
    monkeypatch.setenv("KFP_TOKEN", "secret")
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    wait = kubeflow.Kubeflow.wait
    monkeypatch.setattr(kubeflow.Kubeflow, "wait", lambda self, run, say: wait(self, run, say, every=0.01))
    yield server
    server.stop()


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("name", sorted(PIPELINES))
def test_every_pipeline_is_uploaded_run_and_waited_for(api, name):
    api.script = [
        Look("PENDING"),
        Look("RUNNING", {"root": "RUNNING", "train-driver": "SUCCEEDED", "train": "RUNNING"}),
        Look("SUCCEEDED", {"train": "SUCCEEDED"}),
    ]
    result = call(
        "run", name, "--on", "kubeflow", *needed(name), "--wait", "--json", "--experiment", "tumours"
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["state"] == "succeeded"
    assert document["url"] == f"{api.url}/#/runs/details/{document['run_id']}"
    assert [line.split() for line in result.stderr.splitlines() if line.startswith("train")] == [
        ["train", "running"],
        ["train", "succeeded"],
    ]
    run = api.runs[document["run_id"]]
    assert run["service_account"] == "medgantry-pipeline"
    assert run["runtime_config"]["parameters"] == NEEDED[name]
    assert api.experiments[run["experiment_id"]]["display_name"] == "tumours"


def test_the_same_content_is_uploaded_once(api, monkeypatch):
    for _ in range(2):
        assert call("run", "deployment", "--on", "kubeflow", "-p", "model_name=m").exit_code == 0
    assert (len(api.pipelines), len(api.versions), len(api.runs)) == (1, 1, 2)
    monkeypatch.setattr("pipelines.compiling.code_fingerprint", lambda: "another library")
    assert call("run", "deployment", "--on", "kubeflow", "-p", "model_name=m").exit_code == 0
    assert (len(api.pipelines), len(api.versions)) == (1, 2)


def test_upload_takes_all_of_ours(api):
    result = call("upload")
    assert result.exit_code == 0, result.output
    assert {item["display_name"] for item in api.pipelines.values()} == {p.name for p in PIPELINES.values()}
    names = [item["display_name"] for item in api.versions.values()]
    assert all(name in result.stdout for name in names)


@pytest.mark.parametrize("name", sorted(PIPELINES))
def test_a_schedule(api, name):
    result = call("submit", name, "--recurring", "0 0 2 * * *", *needed(name))
    assert result.exit_code == 0, result.output
    schedule = api.schedules[result.stdout.strip().splitlines()[-1]]
    assert schedule["trigger"]["cron_schedule"]["cron"] == "0 0 2 * * *"
    assert (schedule["max_concurrency"], schedule["no_catchup"], schedule["mode"]) == (1, True, "ENABLE")


def test_a_cron_expression_of_five_fields_is_refused_with_the_servers_words(api):
    result = call("submit", "deployment", "--recurring", "0 2 * * *", "-p", "model_name=m")
    assert result.exit_code == 2
    assert "expected exactly 6 fields" in result.stderr


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "SKIPPED"])
def test_a_run_that_does_not_succeed_exits_with_one(api, state):
    """kfp's own waiting never ends for a run that was cancelled."""
    api.script = [Look(state, {"train": "FAILED"}, {"train": "out of memory"})]
    result = call("run", "deployment", "--on", "kubeflow", "-p", "model_name=m", "--wait", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["message"] == "out of memory"
    assert "train: out of memory" in result.stderr


def test_without_wait_it_returns_at_once(api):
    api.script = [Look("RUNNING")]
    result = call("run", "deployment", "--on", "kubeflow", "-p", "model_name=m", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["state"] == "submitted"


def test_a_server_that_is_away_for_a_while_is_asked_again(api):
    api.script = [Look("RUNNING"), Look("RUNNING"), Look("SUCCEEDED")]
    server = kubeflow.Kubeflow(api.url)
    run = server.run(server.upload(PIPELINES["deployment"]), {"model_name": "m"}, "e")
    api.faults = [503, 429, 500]
    assert server.wait(run, print).state == "SUCCEEDED"


def test_bad_parameters_never_leave_this_machine(api):
    result = call("run", "deployment", "--on", "kubeflow", "-p", "model=m")
    assert result.exit_code == 2
    assert not api.pipelines


def test_a_wrong_token_is_named(api, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "wrong")
    result = call("run", "deployment", "--on", "kubeflow", "-p", "model_name=m")
    assert result.exit_code == 2
    assert "KFP_TOKEN" in result.stderr
    assert "wrong" not in result.stderr


def test_no_server_is_named(monkeypatch):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    assert "--host" in call("run", "deployment", "--on", "kubeflow", "-p", "model_name=m").stderr
    result = call(
        "run", "deployment", "--on", "kubeflow", "--host", "http://127.0.0.1:9", "-p", "model_name=m"
    )
    assert result.exit_code == 2
    assert "can't be reached" in result.stderr
