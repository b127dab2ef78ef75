"""What holds for every component."""

import ast
import inspect
import textwrap
from pathlib import Path

import pytest
import yaml
from kfp import compiler, components

from components import images
from pipelines.compiling import load_components

COMPONENTS = load_components()
OUR_IMAGES = {images.DATA, images.TORCH, images.SERVE, images.FEATURES, images.GENOMICS}
MAX_BODY_LINES = 15
MAX_PARAMETERS = 8


@pytest.fixture(params=sorted(COMPONENTS))
def name(request):
    return request.param


def compiled(name, tmp_path):
    path = tmp_path / "component.yaml"
    compiler.Compiler().compile(COMPONENTS[name], str(path))
    return path, next(yaml.safe_load_all(path.read_text()))


def test_compiles_and_loads_back(name, tmp_path):
    path, _ = compiled(name, tmp_path)
    assert components.load_component_from_file(str(path)).component_spec.name == name.replace("_", "-")


def test_every_input_and_output_is_described(name, tmp_path):
    _, document = compiled(name, tmp_path)
    spec = next(iter(document["components"].values()))
    for side in ("inputDefinitions", "outputDefinitions"):
        for kind in ("artifacts", "parameters"):
            for key, value in spec.get(side, {}).get(kind, {}).items():
                if value.get("parameterType") != "TASK_FINAL_STATUS":
                    assert value.get("description"), f"{side} {key} has no description"


def test_runs_in_an_image_of_ours_and_installs_nothing(name, tmp_path):
    path, document = compiled(name, tmp_path)
    executor = next(iter(document["deploymentSpec"]["executors"].values()))
    assert executor["container"]["image"] in OUR_IMAGES
    assert "pip install" not in path.read_text()


def test_body_is_thin(name):
    source = textwrap.dedent(inspect.getsource(COMPONENTS[name].python_func))
    function = ast.parse(source).body[0]
    statements = function.body[1:]  # after the docstring
    lines = statements[-1].end_lineno - statements[0].lineno + 1
    assert lines <= MAX_BODY_LINES
    parameters = COMPONENTS[name].component_spec.inputs or {}
    plain = [spec for spec in parameters.values() if not spec.type.startswith("system.")]
    assert len(plain) <= MAX_PARAMETERS


def test_has_a_readme(name):
    assert (Path(__file__).parents[2] / "components" / name / "README.md").is_file()
