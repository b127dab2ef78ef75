"""The compiled graphs are what they were; `make goldens` rewrites them after a wanted change."""

from pathlib import Path

import pytest

from pipelines.__main__ import PIPELINES
from pipelines.compiling import compile_everything

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
