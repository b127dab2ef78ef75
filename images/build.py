"""Builds the three images: `make images`. README.md beside this file describes the variables."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from components import images
from medgantry import __version__

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"data": images.DATA, "torch": images.TORCH, "serve": images.SERVE}


def find_engine(candidates: tuple[str, ...] = ("docker", "podman", "buildah")) -> str | None:
    """The first engine that is installed and answers; a docker client without its daemon does not.

    Args:
        candidates: Names of commands, the preferred one first.
    """
    for name in filter(shutil.which, candidates):
        if subprocess.run([name, "info"], check=False, capture_output=True).returncode == 0:
            return name
    return None


def main() -> None:
    """Build every image, the small one first."""
    engine = os.environ.get("ENGINE") or find_engine()
    if engine is None:
        sys.exit("No docker, podman or buildah answers here. On Debian: apt-get install podman")
    # The commit's full name; with -dirty where the tree differs from it.
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    revision = subprocess.run(describe, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    values = {"VERSION": __version__, "REVISION": revision}
    values |= {name: os.environ[name] for name in ("BASE", "SOURCE_URL") if name in os.environ}
    for image, tag in NAMES.items():
        variant = {} if image == "data" else {"VARIANT": os.environ.get("VARIANT", "cpu")}
        arguments = [f"--build-arg={name}={value}" for name, value in (values | variant).items()]
        more = shlex.split(os.environ.get("ENGINE_ARGS", ""))
        file = f"--file=images/{image}/Dockerfile"
        subprocess.run([engine, "build", file, f"--tag={tag}", *arguments, *more, "."], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
