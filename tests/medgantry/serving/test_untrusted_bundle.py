"""A bundle whose weights are code."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from tests.medgantry.brightness import make_bundle


class Payload:
    """What runs when somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self):
        return os.mkdir, (str(self._path),)


def test_weights_that_are_code_are_refused_and_never_run(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    torch.save({"layer": Payload(tmp_path / "ran")}, bundle.weights)
    command = [sys.executable, "-m", "medgantry.serving", "--name", "m", "--folder", str(bundle.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode != 0
    assert "pickled objects are code and are never loaded" in done.stderr
    assert not (tmp_path / "ran").exists()
    torch.load(bundle.weights, weights_only=False)
    assert (tmp_path / "ran").exists(), "the payload would do nothing"
