"""Builds the images: `make images`. README.md beside this file describes the variables."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from components import images
from medgantry import __version__

ROOT = Path(__file__).resolve().parent.parent
NAMES = {
    "data": images.DATA,
    "torch": images.TORCH,
    "serve": images.SERVE,
    "features": images.FEATURES,
    "genomics": images.GENOMICS,
}
VARIED = ("torch", "serve")
"""Images that come as cpu and as cuda."""
# Handed on to the build where they are set.
VARIABLES = (
    "BASE",
    "VARIANT",
    "SOURCE_URL",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_CERT",
)


def find_engine(candidates: Iterable[str] = ("docker", "podman", "buildah")) -> str | None:
    """The first engine that is installed and answers; a docker client without its daemon does not.

    Args:
        candidates: Names of commands, the preferred one first.
    """
    for name in filter(shutil.which, candidates):
        if subprocess.run([name, "info"], check=False, capture_output=True).returncode == 0:
            return name
    return None


def command(engine: str, image: str, revision: str) -> list[str]:
    """The engine's command that builds an image.

    Args:
        engine: docker, podman or buildah.
        image: `data`, `torch` or `serve`.
        revision: The commit's name.
    """
    given = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    if image not in VARIED:
        given.pop("VARIANT", None)
    values = {"VERSION": __version__, "REVISION": revision} | given
    arguments = [f"--build-arg={name}={value}" for name, value in values.items()]
    if engine != "docker":  # which cannot mount folders during a build
        # What pip is told to read here, it reads there.
        paths = [
            given[name] for name in ("PIP_FIND_LINKS", "PIP_CERT") if Path(given.get(name, "")).is_absolute()
        ]
        arguments += [f"--volume={path}:{path}:ro" for path in paths]
    arguments += shlex.split(os.environ.get("ENGINE_ARGS", ""))
    return [engine, "build", f"--file=images/{image}/Dockerfile", f"--tag={NAMES[image]}", *arguments, "."]


def revision() -> str:
    """The commit's full name; with -dirty where the tree differs from it."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(describe, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Build the images named on the command line, or all."""
    engine = os.environ.get("ENGINE") or find_engine()
    if engine is None:
        sys.exit("No docker, podman or buildah answers here. On Debian: apt-get install podman")
    wanted = revision()
    for image in sys.argv[1:] or NAMES:
        subprocess.run(command(engine, image, wanted), cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
