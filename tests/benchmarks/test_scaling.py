"""Scaling as measured: the launched ranks share the cases, and efficiency is relative to the first row."""

import json
import subprocess
import sys

import pytest

from benchmarks.scaling import with_efficiency


def test_one_and_two_ranks_train_on_cases_of_their_own(tmp_path):
    out = tmp_path / "rows.json"
    options = ["--ranks", "1", "2", "--tiny", "--device", "cpu", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "benchmarks.scaling", *options], check=True, capture_output=True)
    one, two = json.loads(out.read_text())["rows"]
    assert (one["ranks"], two["ranks"]) == (1, 2)
    assert two["cases"] == 2 * one["cases"]
    assert one["efficiency"] == 1
    for row in (one, two):
        assert row["samples_per_s"] > 0
        assert 0 <= row["data_wait_share"]["mean"] <= row["data_wait_share"]["greatest"] <= 1


def test_efficiency_is_a_ranks_rate_over_that_of_the_first_row():
    rows = with_efficiency([{"ranks": 1, "samples_per_s": 10.0}, {"ranks": 4, "samples_per_s": 30.0}])
    assert [row["efficiency"] for row in rows] == pytest.approx([1, 0.75])
