"""Shards on a node: once, checked, within the budget, pinned by the living only."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput, ObjectMissing
from medgantry.loading import node_cache
from medgantry.loading.node_cache import NodeCache
from medgantry.storage import ObjectStore
from tests.medgantry.loading.shards import make_shards

CASES = [f"case-{number}" for number in range(6)]


@pytest.fixture
def shards(store, tmp_path):
    """Six shards of one case each, of one size."""
    found = make_shards(store, tmp_path, CASES, per_shard=1)
    assert len({shard["bytes"] for shard in found}) == 1
    return found


@pytest.fixture
def fetched(monkeypatch):
    """Keys that were fetched, in order, by the real store."""
    keys = []
    fill = ObjectStore.fill

    def counted(store, key, path, size):
        keys.append(key.rpartition("/")[2])
        return fill(store, key, path, size)

    monkeypatch.setattr(ObjectStore, "fill", counted)
    return keys


def room(shards, count):
    return count * shards[0]["bytes"]


def there(folder, shards):
    return [
        number for number, shard in enumerate(shards) if (folder / f"{shard['sha256']}.safetensors").exists()
    ]


def use(cache, shard):
    with cache.pinned(shard) as path:
        return path.read_bytes()


def test_a_shard_is_fetched_once_for_all_threads_and_for_the_next_training(shards, tmp_path, fetched):
    caches = [NodeCache(tmp_path / "cache", room(shards, 6)) for _ in range(2)]
    contents = []
    threads = [
        threading.Thread(target=lambda cache=cache: contents.append(use(cache, shards[0])))
        for cache in caches * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == ["0"]
    assert set(contents) == {(tmp_path / "0.safetensors").read_bytes()}
    assert len(contents) == 8


def test_the_least_recently_used_goes_first(shards, tmp_path, fetched):
    cache = NodeCache(tmp_path / "cache", room(shards, 3))
    for number in (0, 1, 2, 0, 3):
        use(cache, shards[number])
        time.sleep(0.01)
    assert there(tmp_path / "cache", shards) == [0, 2, 3]
    assert len(fetched) == 4


def test_a_pinned_shard_stays_whatever_it_takes(shards, tmp_path):
    cache = NodeCache(tmp_path / "cache", room(shards, 2))
    with cache.pinned(shards[0]) as path:
        for shard in shards[1:]:
            use(cache, shard)
        assert path.exists()
    assert there(tmp_path / "cache", shards) == [0, 5]


def test_a_budget_full_of_pins_is_waited_for_then_named(shards, tmp_path, monkeypatch):
    cache = NodeCache(tmp_path / "cache", room(shards, 1))
    with cache.pinned(shards[0]):
        waiting = threading.Thread(target=use, args=(cache, shards[1]))
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive()
    waiting.join(timeout=10)
    assert there(tmp_path / "cache", shards) == [1]
    monkeypatch.setattr(node_cache, "ROOM_SECONDS", 0.1)
    with cache.pinned(shards[1]), pytest.raises(InvalidInput, match="fewer loader threads"):
        use(cache, shards[2])


def test_a_shard_larger_than_the_cache_is_refused(shards, tmp_path):
    with pytest.raises(InvalidInput, match="shard_mib"):
        use(NodeCache(tmp_path / "cache", room(shards, 1) - 1), shards[0])


def test_a_damaged_file_is_fetched_again(shards, tmp_path, fetched):
    use(NodeCache(tmp_path / "cache", room(shards, 6)), shards[0])
    path = tmp_path / f"cache/{shards[0]['sha256']}.safetensors"
    good = path.read_bytes()
    for damaged in (good[:-1] + bytes([good[-1] ^ 1]), good[: len(good) // 2], b""):
        path.write_bytes(damaged)
        assert use(NodeCache(tmp_path / "cache", room(shards, 6)), shards[0]) == good
    assert len(fetched) == 4


def test_an_object_that_is_not_what_the_index_says_is_refused(shards, store, tmp_path):
    store.put_bytes("shards/0", bytes(shards[0]["bytes"]))
    cache = NodeCache(tmp_path / "cache", room(shards, 6))
    with pytest.raises(InvalidInput, match="the index says"):
        use(cache, shards[0])
    store.delete("shards/0")
    with pytest.raises(ObjectMissing):
        use(cache, shards[0])
    assert [path.suffix for path in (tmp_path / "cache").iterdir() if path.stat().st_size] == []


PROGRAM = """
import json, sys, time
from pathlib import Path
from medgantry.loading.node_cache import NodeCache
shard, folder, budget = json.loads(sys.argv[1])
with NodeCache(Path(folder), budget).pinned(shard):
    print("pinned", flush=True)
    time.sleep(60)
"""


def test_the_pins_of_a_killed_process_do_not_stay_nor_does_what_it_half_fetched(shards, tmp_path):
    folder = tmp_path / "cache"
    argument = json.dumps([shards[0], str(folder), room(shards, 2)])
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, argument], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"pinned\n"
        cache = NodeCache(folder, room(shards, 2))
        for shard in shards[1:4]:
            use(cache, shard)
        assert there(folder, shards) == [0, 3]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    half = folder / f"{shards[5]['sha256']}.partial"
    half.write_bytes(bytes(shards[5]["bytes"]))
    os.utime(half, (0, 0))
    use(cache, shards[4])
    assert not half.exists()
    use(cache, shards[5])
    assert there(folder, shards) == [4, 5]


def test_many_readers_of_a_small_cache_see_whole_shards_and_keep_the_budget(shards, tmp_path):
    folder, budget = tmp_path / "cache", room(shards, 3)
    folder.mkdir()
    wanted = [(tmp_path / f"{number}.safetensors").read_bytes() for number in range(6)]
    largest, failures = [], []

    def read(offset):
        cache = NodeCache(folder, budget)
        for turn in range(12):
            number = (turn * 5 + offset) % 6
            try:
                if use(cache, shards[number]) != wanted[number]:
                    failures.append(number)
            except Exception as error:  # noqa: BLE001 shown below
                failures.append(error)

    def watch():
        while any(thread.is_alive() for thread in threads):
            # Nothing comes or goes for want of room while this lock is held, but a shard may get its final name.
            with (folder / ".room.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                names = [Path(name) for name in os.listdir(folder)]
            largest.append(len({name.stem for name in names if name.suffix in (".safetensors", ".partial")}))

    threads = [threading.Thread(target=read, args=(offset,)) for offset in range(3)]
    watching = threading.Thread(target=watch)
    for thread in [*threads, watching]:
        thread.start()
    for thread in [*threads, watching]:
        thread.join()
    assert failures == []
    assert 2 <= max(largest) <= 3
