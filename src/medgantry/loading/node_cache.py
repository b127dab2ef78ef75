"""Shards on this node's disk: fetched once, checked, shared by every process that reads them."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_file
from medgantry.storage import ObjectStore
from medgantry.storage.store import split_s3_uri

ROOM_SECONDS = 300.0
"""How long to wait for others to let go of shards when all that would make room are pinned."""
_POLL_SECONDS = 0.05


class NodeCache:
    """A folder of shards with a byte budget; the least recently used one goes first.

    Several ranks, and several trainings, share a folder. Every shard has a lock file: whoever reads the shard
    holds it shared, whoever fetches or removes the shard holds it alone. The kernel drops the locks of a killed
    process, so nothing stays pinned and what it left half fetched is removed as any other file.

    Args:
        folder: On a disk of this node; made when absent.
        budget_bytes: Room for shards, those that are being fetched among them; may be less than the data set.
    """

    def __init__(self, folder: Path, budget_bytes: int) -> None:
        self._folder, self._budget = folder, budget_bytes
        self._checked: set[tuple[int, int, int]] = set()
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def pinned(self, shard: Mapping[str, Any]) -> Iterator[Path]:
        """The shard's file, which stays until the context ends.

        Hold one at a time in a thread: a budget may have room for no more.

        Args:
            shard: Its sidecar.

        Raises:
            InvalidInput: If the shard exceeds the budget, others keep all of it pinned, or the object in the store
                is not what the sidecar says.
            ObjectMissing: If the store has no such shard.
        """
        path = self._folder / f"{shard['sha256']}.safetensors"
        with _opened_lock(path) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            while not self._is_whole(path, shard):
                # A lock changes its kind by being let go: whatever was seen before must be looked at again.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self._is_whole(path, shard):
                    self._fetch(shard, path)
                fcntl.flock(lock, fcntl.LOCK_SH)
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
            yield path

    def _is_whole(self, path: Path, shard: Mapping[str, Any]) -> bool:
        """Whether the file is there and right; its bytes are read once by each process that uses it."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        identity = (found.st_ino, found.st_size, found.st_mtime_ns)
        if identity not in self._checked:
            if found.st_size != int(shard["bytes"]) or hash_file(path) != shard["sha256"]:
                return False
            self._checked.add(identity)
        return True

    def _fetch(self, shard: Mapping[str, Any], path: Path) -> None:
        partial, size = path.with_suffix(".partial"), int(shard["bytes"])
        for left_over in (path, partial):  # damaged, or of a killed process
            left_over.unlink(missing_ok=True)
        with _locked(self._folder / ".room"):
            self._make_room(size)
            # Seen by others who look for room, as the finished file will be.
            with partial.open("wb") as stream:
                stream.truncate(size)
        bucket, key = split_s3_uri(shard["uri"])
        found = ObjectStore.from_environment(f"s3://{bucket}").fill(key, partial, size)
        if found != shard["sha256"]:
            partial.unlink()
            raise InvalidInput(
                f"Shard {shard['uri']} has sha256 {found}, the index says {shard['sha256']}.",
                "The object was changed or damaged: remove it and preprocess again.",
            )
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.rename(path)
        facts = path.stat()
        self._checked.add((facts.st_ino, facts.st_size, facts.st_mtime_ns))

    def _make_room(self, size: int) -> None:
        """Remove what was used longest ago and is not pinned, until `size` more bytes fit."""
        if size > self._budget:
            raise InvalidInput(
                f"A shard of {size} bytes does not fit a cache of {self._budget}.",
                "Give the cache more room, or make smaller shards (shard_mib).",
            )
        deadline = time.monotonic() + ROOM_SECONDS
        while self._used() + size > self._budget:
            if self._remove_oldest():
                continue
            if time.monotonic() > deadline:
                raise InvalidInput(
                    f"All shards in the cache of {self._budget} bytes were in use for {ROOM_SECONDS:.0f} s.",
                    "Give the cache more room, or use fewer loader threads.",
                )
            time.sleep(_POLL_SECONDS)

    def _used(self) -> int:
        return sum(found.st_size for _, found in self._files())

    def _remove_oldest(self) -> bool:
        for path, _ in sorted(self._files(), key=lambda item: item[1].st_atime_ns):
            with _opened_lock(path) as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                path.unlink(missing_ok=True)
                return True
        return False

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """Shards, and those that are being fetched or were when their process was killed."""
        found: dict[str, tuple[Path, os.stat_result]] = {}
        # In this order: a shard that gets its final name while we look is met under one of them, never under none.
        for pattern in ("*.partial", "*.safetensors"):
            for path in self._folder.glob(pattern):
                try:
                    found[path.stem] = path, path.stat()
                except FileNotFoundError:  # renamed or removed while we looked
                    continue
        return list(found.values())


@contextmanager
def _opened_lock(path: Path) -> Iterator[int]:
    """The descriptor of a shard's lock file; closing it lets go of the lock."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with _opened_lock(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
