"""One object by concurrent ranges: whole and hashed, or an error and nothing on the disk."""

import hashlib
import os
import random
import threading

import pytest

from medgantry.errors import InvalidInput, ObjectMissing
from medgantry.storage import ranged
from medgantry.storage.ranged import fetch_ranges

CONTENT = random.Random(3).randbytes(70_001)


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch):
    monkeypatch.setattr(ranged, "RANGE_BYTES", 4096)
    monkeypatch.setattr(ranged, "_HASHED_BYTES", 1000)


def test_ranges_that_arrive_in_any_order_make_the_file_and_its_hash(tmp_path):
    parts = threading.Barrier(ranged.PARALLEL_RANGES)
    asked = []

    def copy(descriptor, offset, length):
        asked.append((offset, length))
        if len(asked) <= ranged.PARALLEL_RANGES:
            parts.wait(timeout=10)  # only passes when this many are in flight
        os.pwrite(descriptor, CONTENT[offset : offset + length], offset)

    digest = fetch_ranges(tmp_path / "object", len(CONTENT), copy)
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "object").read_bytes() == CONTENT
    assert sum(length for _, length in asked) == len(CONTENT)
    assert max(length for _, length in asked) == 4096


def test_an_error_in_one_range_leaves_no_file_and_stops_the_others(tmp_path):
    asked = []

    def copy(descriptor, offset, length):
        asked.append(offset)
        if offset == 0:
            raise ObjectMissing("gone")
        threading.Event().wait(0.05)

    with pytest.raises(ObjectMissing):
        fetch_ranges(tmp_path / "object", 4096 * 1000, copy)
    assert not list(tmp_path.iterdir())
    assert len(asked) < 100


def test_what_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / "object").write_bytes(b"x" * 2 * len(CONTENT))

    def copy(descriptor, offset, length):
        os.pwrite(descriptor, CONTENT[offset : offset + length], offset)

    fetch_ranges(tmp_path / "object", len(CONTENT), copy)
    assert (tmp_path / "object").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 70_001])
def test_the_store_fills_a_file_of_any_size(store, tmp_path, size):
    store.put_bytes("object", CONTENT[:size])
    assert store.fill("object", tmp_path / "file", size) == hashlib.sha256(CONTENT[:size]).hexdigest()
    assert (tmp_path / "file").read_bytes() == CONTENT[:size]


def test_an_object_shorter_than_promised_is_refused(store, tmp_path):
    store.put_bytes("object", CONTENT)
    with pytest.raises(InvalidInput):
        store.fill("object", tmp_path / "file", len(CONTENT) + 10)
    assert not list(tmp_path.iterdir())
