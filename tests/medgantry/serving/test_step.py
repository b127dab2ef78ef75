"""Which place a deployment goes to."""

import json

import pytest

from medgantry.errors import InvalidInput
from medgantry.serving import step as serving_step
from medgantry.serving.step import deploy_step
from medgantry.serving.target import Release
from tests.cluster.opening import documents, open_server

USUAL = {"canary": 100, "mode": "Knative", "replicas": "1-1", "load": 0, "memory": "8Gi", "gpus": 0}


def test_a_target_that_is_none_is_named_in_the_record_too(store):
    with pytest.raises(InvalidInput, match="target must be one of"):
        deploy_step("m", "nowhere", **USUAL)
    record = json.loads(store.get_bytes("runs/test/steps/deploy.json"))
    assert (record["state"], record["error"]["class"]) == ("failed", "InvalidInput")


def test_capacity_that_can_not_be_is_named_in_the_record_too(store):
    with pytest.raises(InvalidInput, match="least-most"):
        deploy_step("m", "laptop", **USUAL | {"replicas": "many"})
    assert json.loads(store.get_bytes("runs/test/steps/deploy.json"))["state"] == "failed"


def test_in_a_pod_auto_is_kserve_and_never_waits_for_a_runner(store, monkeypatch, tmp_path):
    server = open_server(documents("rbac/pipeline.yaml"), [])
    path = server.kubeconfig(tmp_path / "kubeconfig", "medgantry-pipeline", "default")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(InvalidInput, match="no InferenceService"):
        deploy_step("m", "auto", **USUAL)
    server.stop()


def test_manifest_asks_no_cluster(store, monkeypatch):
    release = Release(model="m", version=4, prefix="serving/m/4")
    monkeypatch.setattr(serving_step, "find_champion", lambda *_: release)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert deploy_step("m", "manifest", **USUAL) == store.uri("deployments/m.inferenceservice.yaml")
