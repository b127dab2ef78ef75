"""A pipeline of one's own, written outside the repository from the compiled components alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]

COMPOSED = """
import sys
from kfp import compiler, components, dsl, local

def load(name):
    return components.load_component_from_file(f"{sys.argv[1]}/components/{name}.yaml")

ingest, split, plan, bundle = map(load, ("ingest_nifti", "split_cohort", "plan_shards", "open_bundle"))

@dsl.pipeline(name="plan-only")
def plan_only(source: str, shard_mib: float = 1.0) -> list:
    opened = bundle(uri="medgantry:brain_tumor_segmentation")
    regions = '{"WT": ["edema", "non-enhancing tumor", "enhancing tumour"], "TC": ["non-enhancing tumor",' \\
        ' "enhancing tumour"], "ET": ["enhancing tumour"]}'
    cohort = split(cohort=ingest(source=source, regions=regions).outputs["cohort"]).outputs["divided"]
    return plan(cohort=cohort, bundle=opened.outputs["bundle"], shard_mib=shard_mib).outputs["Output"]

if len(sys.argv) == 3:
    compiler.Compiler().compile(plan_only, sys.argv[2])
else:
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root="outputs")
    print("PARTS", len(plan_only(source=sys.argv[3]).output))
"""


def _python(folder: Path, *arguments: str, **more: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **more}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture
def script(tmp_path: Path) -> Path:
    _python(tmp_path, "-m", "pipelines", "compile", "--out", str(tmp_path / "dist"))
    path = tmp_path / "composed.py"
    path.write_text(COMPOSED)
    return path


def test_its_yaml_runs_as_ours_do(script: Path, phantoms: Path, tmp_path: Path) -> None:
    _python(tmp_path, str(script), "dist", "composed.yaml")
    said = _python(tmp_path, "-m", "pipelines", "run", "composed.yaml", "--json", "-p", f"source={phantoms}")
    document = json.loads(said)
    assert (document["pipeline"], document["state"]) == ("plan-only", "succeeded")
    steps = {row["step"]: row for row in document["steps"]}
    assert set(steps) == {"open_bundle", "ingest_nifti", "split_cohort", "plan_shards"}
    assert steps["plan_shards"]["facts"][0]["shards"] > 1


def test_it_runs_itself_on_a_stack_that_is_up(script: Path, phantoms: Path, tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "pipelines", "env"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert refused.returncode == 1
    assert "pipelines up" in refused.stderr
    _python(tmp_path, "-m", "pipelines", "up")
    try:
        lines = _python(tmp_path, "-m", "pipelines", "env").splitlines()
        variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        said = _python(tmp_path, str(script), "dist", "-", str(phantoms), **variables)
    finally:
        _python(tmp_path, "-m", "pipelines", "down")
    assert int(said.rsplit("PARTS", 1)[1]) > 1
