"""The compiled graphs are what they were; `make goldens` rewrites them after a wanted change."""

import os
import re
from pathlib import Path

import pytest
import yaml

from manifests.check import Definitions, faults
from pipelines.__main__ import PIPELINES
from pipelines.compiling import compile_everything, version_name

GOLDENS = Path(__file__).parents[1] / "goldens"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    return {path.relative_to(folder): path for path in compile_everything(PIPELINES, folder)}


def test_compiled_pipelines_equal_their_goldens(compiled):
    for name, path in compiled.items():
        if name.parts[0] == "pipelines":
            assert path.read_text() == (GOLDENS / name).read_text(), f"{name} changed: run `make goldens`"


def test_parallelism_and_retries_are_in_the_graph(compiled):
    text = compiled[Path("pipelines/brain_tumor_segmentation.yaml")].read_text()
    assert "parallelismLimit: 50" in text
    assert "maxRetryCount: 2" in text
    assert "{{$.inputs.parameters[''pipelinechannel--memory'']}}" in text


@pytest.fixture(scope="module", params=sorted(PIPELINES))
def graph(compiled, request):
    """The pipeline and what it asks of Kubernetes."""
    path = compiled[Path(f"pipelines/{request.param}.yaml")]
    spec, platform = yaml.safe_load_all(path.read_text())
    return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_every_task_finds_the_store_and_is_never_cached_by_name(graph):
    spec, executors = graph
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    for name, asked in executors.items():
        assert asked["configMapAsEnv"][0]["configMapName"] == "medgantry-store", name
        assert asked["secretAsEnv"][0]["secretName"] == "medgantry-store-credentials", name
        assert asked["securityContext"] == {"runAsNonRoot": True}, name
        assert "resources" in spec["deploymentSpec"]["executors"][name]["container"], name
    for component in [spec["root"], *spec["components"].values()]:
        for task in component.get("dag", {}).get("tasks", {}).values():
            if task["componentRef"]["name"].replace("comp-", "exec-") in executors:
                assert not task.get("cachingOptions", {}).get("enableCache"), task["taskInfo"]["name"]


def test_networks_share_tensors_in_memory(graph):
    _, executors = graph
    for name in {"exec-preprocess-shard", "exec-evaluate"} & set(executors):
        (mount,) = executors[name]["emptyDirMounts"]
        assert (mount["mountPath"], mount["medium"]) == ("/dev/shm", "Memory")


def test_a_parameter_that_sizes_a_task_reaches_it(graph):
    """KFP compiles a reference that its own runners cannot resolve when it stands in an exit handler."""
    spec, _ = graph
    executors = spec["deploymentSpec"]["executors"]
    wanted = {
        name: set(
            re.findall(r"inputs.parameters\['([^']+)'\]", str(executor["container"].get("resources", "")))
        )
        for name, executor in executors.items()
    }
    for component in [spec["root"], *spec["components"].values()]:
        given = {*component.get("inputDefinitions", {}).get("parameters", {})}
        for task in component.get("dag", {}).get("tasks", {}).values():
            inputs = task.get("inputs", {}).get("parameters", {})
            for name in wanted.get(task["componentRef"]["name"].replace("comp-", "exec-"), ()):
                assert name in inputs, task["taskInfo"]["name"]
                assert inputs[name]["componentInputParameter"] in given, task["taskInfo"]["name"]


def test_a_version_is_named_by_graph_and_library(compiled, monkeypatch):
    for name in PIPELINES:
        pipeline, version = yaml.safe_load_all(compiled[Path(f"kubernetes/{name}.yaml")].read_text())
        text = compiled[Path(f"pipelines/{name}.yaml")].read_text()
        assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"]
        assert version["metadata"]["name"] == f"{pipeline['metadata']['name']}-{version_name(text)}"
        assert version_name(text) != version_name(text.replace("0.1.0", "0.1.1"))
    before = version_name("graph")
    monkeypatch.setattr("pipelines.compiling.code_fingerprint", lambda: "another library")
    assert version_name("graph") != before


@pytest.mark.skipif(not os.environ.get("MEDGANTRY_CRDS"), reason="set MEDGANTRY_CRDS to a folder of CRDs")
def test_every_supported_release_of_kfp_accepts_the_resources(compiled):
    definitions = Definitions.read(Path(os.environ["MEDGANTRY_CRDS"]))
    for name in PIPELINES:
        for document in yaml.safe_load_all(compiled[Path(f"kubernetes/{name}.yaml")].read_text()):
            assert faults(document, definitions, every_version=True) == []
