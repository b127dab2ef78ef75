"""Every overlay renders, and every object in it, and every object launchers create, is what the API servers take."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import images
from manifests.check import Definitions, faults
from medgantry.training.launchers.job_kind import JobKind, JobRequest
from medgantry.training.launchers.placement import Placement
from medgantry.training.launchers.pytorchjob import PyTorchJob
from medgantry.training.launchers.trainjob import TrainJob
from pipelines import resources

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.parent for path in (ROOT / "manifests/overlays").glob("*/kustomization.yaml"))
OURS = {images.DATA, images.TORCH, images.SERVE}


def render(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, check=True, text=True)
    return [item for item in yaml.safe_load_all(done.stdout) if item]


@pytest.fixture(scope="module", autouse=True)
def _kubectl() -> None:
    """The one the lock installs, beside the interpreter."""
    os.environ["PATH"] = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    folder = Path(os.environ.get("MEDGANTRY_CRDS", ""))
    if not os.environ.get("MEDGANTRY_CRDS") or not folder.is_dir():
        pytest.skip("set MEDGANTRY_CRDS to a folder with the platform's CustomResourceDefinitions")
    return Definitions.read(folder)


@pytest.fixture(scope="module", params=OVERLAYS, ids=[path.name for path in OVERLAYS])
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return render(request.param)


def test_an_overlay_is_valid(objects: list[dict[str, Any]], definitions: Definitions) -> None:
    found = [
        f"{item['kind']}/{item['metadata']['name']}: {fault}"
        for item in objects
        for fault in faults(item, definitions, every_version=True)
    ]
    assert found == []


def test_no_secret_stands_in_git(objects: list[dict[str, Any]]) -> None:
    assert not [item for item in objects if item["kind"] == "Secret"]


def test_what_is_referred_to_is_there_or_in_the_contract(objects: list[dict[str, Any]]) -> None:
    """Accounts, ConfigMaps and Secrets by name; the contract of docs/cluster.md lists the Secrets."""
    names = {(item["kind"], item["metadata"]["name"]) for item in objects}
    text = yaml.safe_dump_all(objects)
    for account in set(re.findall(r"serviceAccountName: (\S+)", text)):
        assert ("ServiceAccount", account) in names
    for config in set(re.findall(r"configMapRef:\s+name: (\S+)", text)):
        assert ("ConfigMap", config) in names
    contract = (ROOT / "docs/cluster.md").read_text()
    for secret in set(re.findall(r"secret(?:Key)?Ref:\s+(?:key: \S+\s+)?name: (\S+)", text)):
        assert f"`{secret}`" in contract


def test_images_are_this_release(objects: list[dict[str, Any]]) -> None:
    used = set(re.findall(r"image: (medgantry/\S+)", yaml.safe_dump_all(objects)))
    assert used
    assert used <= OURS


def test_roles_name_every_verb(objects: list[dict[str, Any]]) -> None:
    roles = [item for item in objects if item["kind"] in ("Role", "ClusterRole")]
    assert {item["kind"] for item in roles} == {"Role"}
    assert "*" not in str([role["rules"] for role in roles])


def test_steps_find_their_settings(objects: list[dict[str, Any]]) -> None:
    (config,) = [item for item in objects if item["metadata"]["name"] == resources.STORE_CONFIG]
    assert set(resources._SETTINGS) <= set(config["data"])
    assert set(config["data"]) <= {*resources._SETTINGS, *resources._OPTIONAL_SETTINGS}


@pytest.mark.parametrize("kind", [PyTorchJob(), TrainJob()], ids=["pytorchjob", "trainjob"])
@pytest.mark.parametrize("gpus", [0, 4])
def test_the_objects_of_launchers_are_valid_in_every_release(
    kind: JobKind, gpus: int, definitions: Definitions
) -> None:
    resources_asked = {"limits": {"memory": "16Gi"}, "requests": {"cpu": "4"}}
    if gpus:
        resources_asked["limits"] |= {"nvidia.com/gpu": str(gpus)}
    placement = Placement(
        resources=resources_asked,
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        node_selector={"pool": "gpu"},
        affinity={"nodeAffinity": {}},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        volume_mounts=[{"name": "data", "mountPath": "/data"}],
        queue="medgantry",
    )
    request = JobRequest(
        name="medgantry-train-0123456789-1",
        namespace="medgantry",
        image=images.TORCH,
        command=["python", "-m", "torch.distributed.run"],
        pods=3,
        ranks_per_pod=max(1, gpus),
        env=[{"name": "A", "value": "b"}],
        labels={"app.kubernetes.io/part-of": "medgantry"},
        annotations={"medgantry.dev/spec-digest": "0"},
        owners=[{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "0"}],
        placement=placement,
    )
    made = [kind.manifest(request)]
    if isinstance(kind, TrainJob):
        text = (ROOT / "manifests/base/training/runtime.yaml").read_text()
        made.append(kind.runtime(request, next(yaml.safe_load_all(text))))
    for item in made:
        assert faults(item, definitions, every_version=True) == []
        for suspended in (True, False):
            patched = {**item, "spec": {**item["spec"], **kind.suspension(suspended)}}
            if item is made[0]:
                assert faults(patched, definitions, every_version=True) == []
