"""A cluster: the API-server double with the Roles we ship, and operators without a kubelet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from medgantry.training.job import Job
from medgantry.training.options import TrainOptions
from tests.cluster.api_server import ApiServer, Object
from tests.cluster.opening import documents, open_server
from tests.cluster.operators import Operators

KINDS = (
    ("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob"),
    ("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob"),
    ("trainer.kubeflow.org", "v1alpha1", "trainingruntimes", "TrainingRuntime"),
    ("argoproj.io", "v1alpha1", "workflows", "Workflow"),
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ApiServer]:
    roles = [
        item
        for name in ("rbac/pipeline", "rbac/workers", "janitor/janitor")
        for item in documents(f"{name}.yaml")
    ]
    state = open_server(roles, KINDS)
    state.create("trainer.kubeflow.org", "trainingruntimes", documents("training/runtime.yaml")[0])
    monkeypatch.setenv(
        "KUBECONFIG", str(state.kubeconfig(tmp_path / "kubeconfig", "medgantry-pipeline", "default"))
    )
    yield state
    state.stop()


@pytest.fixture
def operators(server: ApiServer) -> Iterator[Operators]:
    running = Operators(server, runs=False)
    yield running
    running.stop()


@pytest.fixture
def step_pod(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> Object:
    """The pod this step runs in, owned by a workflow, as KFP makes it."""
    workflow = server.create(
        "argoproj.io", "workflows", {"kind": "Workflow", "metadata": {"name": "run-1"}, "spec": {}}
    )
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "run-1"}
    owner["uid"] = workflow["metadata"]["uid"]
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "step-1", "ownerReferences": [{**owner, "controller": True}]},
        "spec": {
            "serviceAccountName": "medgantry-pipeline",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {"name": "wait", "image": "argoexec", "securityContext": confined},
                {"name": "main", "image": "medgantry/python-torch:0.1.0", "securityContext": confined},
            ],
        },
        "status": {"phase": "Running"},
    }
    monkeypatch.setenv("KFP_POD_NAME", "step-1")
    monkeypatch.setenv("MEDGANTRY_RUN_ID", "run-1")
    return server.create("", "pods", pod)


@pytest.fixture
def job() -> Job:
    return Job(
        key="0" * 64,
        seed=0,
        ranks=2,
        threads=2,
        options=TrainOptions(),
        fold=-1,
        train=["a", "b"],
        validation=["c"],
        regions={},
        classes={},
        label_map={},
        shards=[],
        groups=[],
        provenance={},
    )
