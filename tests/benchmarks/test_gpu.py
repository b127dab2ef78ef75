"""The GPU benchmarks run, their gates pass, and their counts are right; figures of such sizes mean nothing."""

import json
import subprocess
import sys

import pytest
import torch

from benchmarks.gpu.__main__ import GOALS
from benchmarks.roofline import floors


@pytest.mark.parametrize("goal", sorted(set(GOALS) - {"G3"}))  # G4 is G3, over its floor
def test_a_benchmark_runs_on_almost_nothing(goal, tmp_path):
    out = tmp_path / "row.json"
    command = [sys.executable, "-m", "benchmarks.gpu", goal, "--tiny", "--device", "cpu", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    written = json.loads(out.read_text())
    assert written["conditions"]["tiny"]
    assert written["conditions"]["torch"] == torch.__version__
    assert {row["goal"] for row in written["rows"]} == {goal}


def test_floors_of_a_convolution_are_those_counted_by_hand():
    network = torch.nn.Conv3d(2, 3, 3, padding=1, bias=False)
    images = torch.randn(1, 2, 8, 8, 8, requires_grad=True)
    found = floors(network, lambda output, labels: output.sum(), images, None)
    products = 8**3 * 2 * 3 * 27
    assert found.flops == 3 * 2 * products  # forward, and backward for images and weights
    forward = 8**3 * 2 + 2 * 3 * 27 + 8**3 * 3
    assert found.bytes > 2 * 3 * forward
    assert found.memory_ms == 1000 * found.bytes / 4.3e12
