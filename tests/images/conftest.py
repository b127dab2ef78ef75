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


@pytest.fixture(scope="session")
def built(engine: str) -> Callable[[str], str]:
    """Builds an image by its short name, once; returns that name."""

    @functools.cache
    def make(name: str) -> str:
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
