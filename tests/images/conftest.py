"""An engine for containers, and each image built once."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from images import build


@pytest.fixture(scope="session")
def engine() -> str:
    """An engine that really runs containers here."""
    found = os.environ.get("ENGINE") or build.find_engine(("docker", "podman"))
    if found is None:
        pytest.skip("no docker or podman answers; on Debian: apt-get install podman")
    base = os.environ.get("BASE", "docker.io/library/python:3.11-slim-bookworm")
    tried = subprocess.run(
        [found, "run", "--rm", "--network=none", base, "true"], check=False, capture_output=True, text=True
    )
    if tried.returncode:
        pytest.skip(f"{found} cannot run {base} here, see images/README.md: {tried.stderr.strip()[-500:]}")
    return found


def is_there(engine: str, image: str) -> bool:
    """Whether an image of this very commit is built; a tree that differs from its commit has none."""
    label = '{{ index .Config.Labels "org.opencontainers.image.revision" }}'
    inspect = [engine, "image", "inspect", "--format", label, build.NAMES[image]]
    found = subprocess.run(inspect, check=False, capture_output=True, text=True).stdout.strip()
    wanted = build.revision()
    # What variant it is, its labels do not say.
    return found == wanted and not wanted.endswith("-dirty") and "VARIANT" not in os.environ


@pytest.fixture(scope="session")
def built(engine: str) -> Callable[[str], str]:
    """Builds an image by its short name, once, unless it is built of this commit; returns that name."""

    @functools.cache
    def make(name: str) -> str:
        if is_there(engine, name):
            return name
        made = subprocess.run(
            [sys.executable, "-m", "images.build", name],
            check=False,
            cwd=build.ROOT,
            env=os.environ | {"ENGINE": engine},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert made.returncode == 0, made.stdout[-5000:]
        return name

    return make
