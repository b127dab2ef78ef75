"""A process that dies takes nothing with it, and whoever asked learns why."""

import os
import signal
import time

import numpy as np
import pytest

from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.isolation import Crashed, memory_mib, run_alone, run_each


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


def make_folder(path):
    path.mkdir()
    return path


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


def test_what_crashes_is_tried_once_more_alone_with_all_memory(tmp_path):
    tries = []

    def work(item, limit):
        tries.append((item, limit))
        if item == "deadly" or (item == "hungry" and limit < memory_mib()):
            return alone(die, signal.SIGKILL, folder=tmp_path)
        return alone(give, item, folder=make_folder(tmp_path / item))

    found = run_each(["sound", "deadly", "hungry"], work, lambda item, reason: str(reason), preload="json")
    assert dict(found) == {
        "sound": {"value": "sound"},
        "deadly": "killed by signal 9",
        "hungry": {"value": "hungry"},
    }
    assert [item for item, limit in tries if limit == memory_mib()] == ["deadly", "hungry"]
    assert len(tries) == 5


def test_what_waits_does_not_begin_when_something_else_goes_wrong():
    begun = []

    def work(item, limit):
        begun.append(item)
        raise SourceUnavailable("it went away.", "Wait.")

    with pytest.raises(SourceUnavailable):
        list(run_each(list(range(100)), work, lambda item, reason: None, preload="json"))
    assert len(begun) < 100
