"""A process that dies takes nothing with it, and whoever asked learns why."""

import os
import signal
import time

import numpy as np
import pytest

from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.ingest.dicom.isolation import Crashed, run_alone


def give(value):
    return {"value": value}


def die(number):
    os.kill(os.getpid(), number)


def hang():
    time.sleep(60)


def grow():
    return len(np.ones(1 << 31, np.uint8).tobytes())


def stumble():
    raise KeyError("the name of a patient")


def refuse(kind):
    raise {"input": InvalidInput, "source": SourceUnavailable}[kind]("wanted this, found that.", "Do that.")


def alone(work, *arguments, folder, seconds=30.0):
    return run_alone(work, arguments, folder / "result.json", seconds=seconds, mib=1024)


def test_a_result_comes_back(tmp_path):
    assert alone(give, [1, "two"], folder=tmp_path) == {"value": [1, "two"]}


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_signal_is_named(tmp_path, number):
    with pytest.raises(Crashed, match=f"killed by signal {int(number)}"):
        alone(die, int(number), folder=tmp_path)


def test_what_hangs_is_ended(tmp_path):
    with pytest.raises(Crashed, match="no result after 1 s"):
        alone(hang, folder=tmp_path, seconds=1.0)


def test_memory_is_bounded(tmp_path):
    with pytest.raises(Crashed, match="needs more than 1024 MiB"):
        alone(grow, folder=tmp_path)


def test_an_unexpected_error_is_told_without_its_text(tmp_path):
    with pytest.raises(Crashed, match=r"KeyError at test_isolation\.py") as caught:
        alone(stumble, folder=tmp_path)
    assert "patient" not in str(caught.value)


@pytest.mark.parametrize(("kind", "wanted"), [("input", InvalidInput), ("source", SourceUnavailable)])
def test_our_own_errors_keep_class_and_remedy(tmp_path, kind, wanted):
    with pytest.raises(wanted) as caught:
        alone(refuse, kind, folder=tmp_path)
    assert caught.value.remedy == "Do that."
