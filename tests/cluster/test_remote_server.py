"""The adapter to a real API server, against the double: what it makes and reads is what the double has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from tests.cluster.api_server import ApiServer, Refusal
from tests.cluster.opening import documents
from tests.cluster.remote_server import RemoteServer

JOBS = ("kubeflow.org", "pytorchjobs")


@pytest.fixture
def double() -> Iterator[ApiServer]:
    state = ApiServer()
    state.offer("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob")
    yield state
    state.stop()


@pytest.fixture
def remote(double: ApiServer, tmp_path: Path) -> RemoteServer:
    path = double.kubeconfig(tmp_path / "admin", "admin", "default")
    return RemoteServer(path, documents("rbac/pipeline.yaml"), {"kubeflow.org": "v1"})


def test_objects_go_there_and_back(remote, double):
    made = remote.create(*JOBS, {"kind": "PyTorchJob", "metadata": {"name": "a"}, "spec": {"x": 1}})
    assert double.get(*JOBS, "a", remote.namespace)["metadata"]["uid"] == made["metadata"]["uid"]
    remote.patch(*JOBS, "a", {"status": {"conditions": []}}, sub="status")
    assert remote.get(*JOBS, "a")["status"] == {"conditions": []}
    assert [item["metadata"]["name"] for item in remote.list(*JOBS)] == ["a"]
    remote.delete(*JOBS, "a")
    with pytest.raises(Refusal) as refusal:
        remote.get(*JOBS, "a")
    assert refusal.value.code == 404


def test_accounts_have_our_roles_and_no_more(remote, tmp_path):
    path = remote.kubeconfig(tmp_path / "pipeline", "medgantry-pipeline", "")
    api = config.new_client_from_config(str(path))
    assert (
        client.CustomObjectsApi(api).list_namespaced_custom_object(
            "kubeflow.org", "v1", remote.namespace, "pytorchjobs"
        )["items"]
        == []
    )
    with pytest.raises(client.ApiException) as refusal:
        client.CoreV1Api(api).list_namespaced_secret(remote.namespace)
    assert refusal.value.status == 403


def test_pods_get_their_status(remote):
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {}, "status": {"phase": "Running"}}
    assert remote.create("", "pods", pod)["status"]["phase"] == "Running"


@pytest.mark.parametrize("name", ["inject", "calls", "write_log", "schemas"])
def test_what_only_the_double_can_is_skipped(remote, name):
    with pytest.raises(pytest.skip.Exception, match=name):
        getattr(remote, name)


def test_a_kind_that_is_not_installed_is_named(remote):
    with pytest.raises(pytest.skip.Exception, match="no TrainJob"):
        remote.offer("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob")
