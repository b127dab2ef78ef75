"""The images, built and run as a cluster runs them: any user, nothing writable but /tmp, no network."""

import ast
import importlib
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from images import build, locks
from medgantry import __version__

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600)]

VARIANT = os.environ.get("VARIANT", "cpu")
USERS = ("10001:0", "123456:0")

WORKS = {
    "data": (
        "python -m kfp.dsl.executor_main --help",
        "mlflow server --help",
        "python -c 'import boto3, prometheus_flask_exporter, psycopg, psycopg_binary'",
        "python -c 'import medgantry.ingest.dicom.step, medgantry.exporting.step, medgantry.ingest.photos.step'",
        "python -c 'import medgantry.registry.open_champion, medgantry.evaluation.charts'",
        "python -c 'import medgantry.predictions.step, medgantry.cohort.open_step, medgantry.monitoring.step'",
    ),
    "torch": (
        "python -m kfp.dsl.executor_main --help",
        "python -c 'import ignite, monai, torch; torch.ones(2) @ torch.ones(2)'",
        "torchrun --help",
        "python -c 'import medgantry.training.launchers.janitor, medgantry.training.worker'",
        "python -c 'import medgantry.predictions.part'",
        "python -c 'import medgantry.evaluation.step, medgantry.evaluation.classification.explanations'",
    ),
    "serve": (
        "python -m kfp.dsl.executor_main --help",
        "python -m medgantry.serving --help",
        "python -c 'import highdicom, SimpleITK, gdcm, pynetdicom'",
    ),
    "features": (
        "python -m kfp.dsl.executor_main --help",
        "python -c 'from medgantry.features.store.feast_library import load_feast; load_feast()'",
        "python -c 'import medgantry.features.radiomics.extract, medgantry.survival.train, lifelines, xgboost'",
        "python -c 'import medgantry.survival.evaluation.step, medgantry.registry.survival_loader'",
        "python -c 'import medgantry.survival.open_step, medgantry.monitoring.feature_step'",
    ),
    "genomics": ("python -m kfp.dsl.executor_main --help", "salmon --version", "fasterq-dump --version"),
}

UNMET = """
from importlib.metadata import PackageNotFoundError, distributions, version
from packaging.requirements import Requirement
for package in distributions():
    for requirement in map(Requirement, package.requires or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            met = requirement.specifier.contains(version(requirement.name), prereleases=True)
        except PackageNotFoundError:
            met = False
        if not met and package.name != "kfp":
            print(package.name, "wants", requirement)
"""

PACKAGES = """
import json
from importlib.metadata import distributions
print(json.dumps({package.name: package.version for package in distributions()}))
"""

SECRETS = r"find /etc /home /opt /root /srv /usr \( -name pip.conf -o -name .netrc -o -name .pypirc -o -name .aws -o -name .git \) -print"
WRITABLE = r"find /opt/medgantry /usr/share/sbom -not -type l \( -not -user 0 -o -perm /022 \) -print"


@pytest.fixture(scope="session", params=list(build.NAMES))
def image(built: Callable[[str], str], request: pytest.FixtureRequest) -> str:
    """Each image by its short name, once it is built."""
    return built(request.param)


@pytest.fixture
def run(engine: str, image: str):
    """Runs a command in the image as a pod would, and gives its output."""

    def run(*command: str, user: str = USERS[0]) -> str:
        options = [
            "--rm",
            "--network=none",
            "--read-only",
            "--tmpfs=/tmp",
            "--cap-drop=ALL",
            f"--user={user}",
        ]
        done = subprocess.run(
            [engine, "run", *options, "--security-opt=no-new-privileges", build.NAMES[image], *command],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
        return done.stdout

    return run


def imports_of_components(image: str) -> set[str]:
    """The library's modules that components in this image import."""
    modules = set()
    for file in (build.ROOT / "components").glob("*/component.py"):
        function = getattr(
            importlib.import_module(f"components.{file.parent.name}.component"), file.parent.name
        )
        if function.component_spec.implementation.container.image == build.NAMES[image]:
            nodes = ast.walk(ast.parse(file.read_text()))
            modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in modules if module.startswith("medgantry")}


@pytest.mark.parametrize("user", USERS)
def test_does_what_it_is_for(image, run, user):
    for work in WORKS[image]:
        run("sh", "-c", work, user=user)


@pytest.mark.parametrize("user", USERS)
def test_holds_what_its_components_import(image, run, user):
    modules = imports_of_components(image)
    assert modules
    run("python", "-c", f"import {', '.join(sorted(modules))}", user=user)


def test_holds_the_locked_packages_and_they_fit(image, run):
    file = f"{image}/requirements{f'.{VARIANT}' if image in build.VARIED else ''}.lock"
    packages = {
        locks.canonical(name): version for name, version in json.loads(run("python", "-c", PACKAGES)).items()
    }
    assert packages == locks.read(build.ROOT / "images" / file) | {"medgantry": __version__}
    assert run("python", "-c", UNMET) == ""


def test_carries_its_bill_of_materials(image, run):
    bill = json.loads(run("cat", "/usr/share/sbom/medgantry.json"))
    assert bill["bomFormat"] == "CycloneDX"
    listed = {locks.canonical(part["name"]): part["version"] for part in bill["components"]}
    assert listed == {
        locks.canonical(name): version for name, version in json.loads(run("python", "-c", PACKAGES)).items()
    }


def test_says_what_it_is_and_who_runs_it(engine, image):
    shown = subprocess.run(
        [engine, "image", "inspect", build.NAMES[image]], check=True, capture_output=True, text=True
    )
    config = json.loads(shown.stdout)[0]["Config"]
    assert config["User"] == "10001:0"
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert (labels["title"], labels["version"], labels["licenses"]) == (
        f"medgantry {image}",
        __version__,
        "Apache-2.0",
    )
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])
    assert [line for line in config["Env"] if re.search("PIP_|AWS_|PROXY|CERT|TOKEN", line.upper())] == []


def test_nothing_of_the_build_stays(engine, image, run):
    assert run("sh", "-c", SECRETS, user="0:0") == ""
    history = [engine, "history", "--no-trunc", build.NAMES[image]]
    assert "PIP_" not in subprocess.run(history, check=True, capture_output=True, text=True).stdout
    wheels = Path(os.environ.get("PIP_FIND_LINKS", ""))
    if wheels.is_absolute():
        run("test", "!", "-e", str(wheels))


def test_only_root_could_change_it(run):
    assert run("sh", "-c", WRITABLE) == ""
