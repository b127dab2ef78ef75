"""The pipeline on a cluster: training as a job of two pods on gloo, the model behind an InferenceService.

Store, MLflow, workers and model servers are real; only the API server and the operators are doubles.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from medgantry.phantoms.brain_tumor import write_task
from tests.cluster.api_server import ApiServer
from tests.cluster.kserve_operator import SERVICES, KServeOperator
from tests.cluster.operators import PYTORCH, TRAIN, Operators
from tests.pipelines.laptop import ROOT, Laptop

pytestmark = pytest.mark.e2e


def _documents(path: str) -> list[dict]:
    return [item for item in yaml.safe_load_all((ROOT / "manifests/base" / path).read_text()) if item]


def _python(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    done = Laptop(folder, environment).call(*arguments)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A laptop whose stack is up, with a data set."""
    folder = tmp_path_factory.mktemp("cluster")
    write_task(folder / "task", cases=9, broken=0, seed=4, size=(32, 36, 32))
    _python(folder, {}, "up")
    yield folder
    _python(folder, {}, "down")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ApiServer]:
    with pytest.MonkeyPatch.context() as patch:
        yield from _server(folder, patch)


def _server(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    stack = json.loads((folder / ".medgantry/stack.json").read_text())["environment"]
    secrets = {name: stack[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    settings = {name: value for name, value in stack.items() if name not in secrets}
    state = ApiServer(_documents("rbac/pipeline.yaml"))
    state.offer("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob")
    state.offer("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob")
    state.offer("trainer.kubeflow.org", "v1alpha1", "trainingruntimes", "TrainingRuntime")
    state.create("trainer.kubeflow.org", "trainingruntimes", _documents("training/runtime.yaml")[0])
    environment = {"medgantry-store": settings, "medgantry-store-credentials": secrets}
    for name, value in stack.items():
        patch.setenv(name, value)  # the storage initialiser runs in this process
    state.offer("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")
    operators = Operators(state, environment, runs=True)
    serving = KServeOperator(state, _documents("serving/runtime.yaml")[0], environment, folder)
    yield state
    serving.stop()
    operators.stop()
    state.stop()


@pytest.mark.parametrize(("launcher", "kind", "epochs"), [("pytorchjob", PYTORCH, 1), ("trainjob", TRAIN, 2)])
def test_from_volumes_to_an_endpoint_through_a_job(
    folder: Path, server: ApiServer, launcher: str, kind: tuple[str, str], epochs: int
) -> None:
    config = server.kubeconfig(folder / "kubeconfig", "medgantry-pipeline", "default")
    override = {"epochs": epochs, "patch_size": [32, 32, 32], "batch_size": 1}
    settings = {"source": folder / "task", "launcher": launcher, "ranks": 2, "override": json.dumps(override)}
    settings |= {"target": "kserve"}
    arguments = [item for name, value in settings.items() for item in ("-p", f"{name}={value}")]
    environment = {"KUBECONFIG": str(config), "MEDGANTRY_TRAIN_IMAGE": "medgantry/python-torch:0.1.0"}
    said = _python(folder, environment, "run", "brain_tumor_segmentation", "--json", *arguments)
    document = json.loads(said)
    assert document["endpoint"]["equal"] is True
    (service,) = server.list(*SERVICES)
    assert document["endpoint"]["url"] == service["status"]["address"]["url"]
    assert "ownerReferences" not in service["metadata"]
    version = document["registration"]["champion"]
    assert service["spec"]["predictor"]["model"]["storageUri"].endswith(f"brain-tumor-segmentation/{version}")
    steps = {row["step"]: row for row in document["steps"]}
    facts = steps["train"]["facts"][0]
    assert not facts["reused"]
    (job,) = server.list(*kind)
    assert facts["job"] == f"{launcher}/{job['metadata']['name']}"
    pods = [
        pod for pod in server.list("", "pods") if pod["metadata"]["name"].startswith(job["metadata"]["name"])
    ]
    assert [pod["status"]["phase"] for pod in pods] == ["Succeeded", "Succeeded"]
    stack = json.loads((folder / ".medgantry/stack.json").read_text())["environment"]
    assert stack["AWS_SECRET_ACCESS_KEY"] not in json.dumps([job, service])
