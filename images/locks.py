"""Writes the images' locks from pyproject's extras and the root lock: `make image-locks`."""

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {
    "data": ["dicom", "track", "tracking-server"],  # MLflow's server runs from it too
    "torch": ["track", "train", "cluster"],
    "serve": ["track", "train", "cluster", "serve", "dicom"],
    "features": ["dicom", "track", "features", "feature-store"],
    "genomics": ["dicom"],
}
# Used in the build stage alone: what makes the wheel, and what lists the installed packages.
TOOLS = ["hatchling", "cyclonedx-bom>=7.5,<8"]
HEADER = "# Made by `make image-locks`.\n"

Pins = dict[str, str]


def canonical(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(lock: Path) -> Pins:
    """Version by canonical name.

    Args:
        lock: A file with one `name==version` a line.
    """
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    return {canonical(name): version for name, version in (re.split("={2,3}", line) for line in lines)}


def is_cuda(name: str) -> bool:
    """Whether only torch's CUDA build asks for this package."""
    return name == "triton" or name.startswith(("nvidia-", "cuda-"))


def resolve(requirements: list[str], root: Pins) -> Pins:
    """Let pip choose the versions of all that the requirements ask for, within the root lock.

    Args:
        requirements: As on pip's command line.
        root: The root lock.

    Returns:
        The pins, without our own package.
    """
    # `===` compares text, so a wheel 2.13.0+cpu that pip also sees does not hide PyPI's 2.13.0, the CUDA build.
    constraints = [f"{name}{'===' if name == 'torch' else '=='}{version}\n" for name, version in root.items()]
    with TemporaryDirectory() as folder:
        file, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        file.write_text("".join(constraints))
        options = ["--quiet", "--dry-run", "--ignore-installed", "--no-build-isolation"]
        pip = [sys.executable, "-m", "pip", "install", *options, f"--constraint={file}", f"--report={report}"]
        subprocess.run([*pip, *requirements], check=True, cwd=ROOT)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    pins = {canonical(package["name"]): package["version"] for package in found}
    return {name: version for name, version in pins.items() if name != "medgantry"}


def write(lock: Path, pins: Pins, torch: str = "") -> None:
    """Write a lock, sorted by name.

    Args:
        lock: The file.
        pins: What goes in.
        torch: How torch is pinned, if not by its version alone.
    """
    lines = (torch if torch and name == "torch" else f"{name}=={pins[name]}" for name in sorted(pins))
    lock.write_text(HEADER + "\n".join(lines) + "\n")


def main() -> None:
    """Write every lock."""
    root = read(ROOT / "requirements.lock") | read(ROOT / "feature-store.lock")
    write(ROOT / "images/tools.lock", resolve(TOOLS, root))
    for image, extras in EXTRAS.items():
        folder = ROOT / "images" / image
        # Only KFP's executor runs in an image, and it needs none of KFP's dependencies.
        pins = {**resolve([f".[{','.join(extras)}]"], root), "kfp": root["kfp"]}
        if "torch" not in pins:
            write(folder / "requirements.lock", pins)
            continue
        write(folder / "requirements.cuda.lock", pins, f"torch==={pins['torch']}")
        cpu = {name: version for name, version in pins.items() if not is_cuda(name)}
        write(folder / "requirements.cpu.lock", cpu, f"torch=={pins['torch']}+cpu")


if __name__ == "__main__":
    main()
