"""One large object into a file by concurrent ranged reads, hashed while it arrives."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

RANGE_BYTES = 8 << 20
"""Size of one ranged GET: S3 serves 8 to 16 MiB ranges best, and our parts are multiples of it."""
PARALLEL_RANGES = 16
"""Ranged GETs in flight for one large object: one connection alone is throttled by most servers."""
_HASHED_BYTES = 1 << 20


def fetch_ranges(path: Path, size: int, copy: Callable[[int, int, int], None]) -> str:
    """Fill a file of known size, several ranges at a time; room for it is taken from the disk first.

    Args:
        path: The file, written in place; removed again when anything fails.
        size: Bytes.
        copy: Brings (descriptor, offset, length) of the object to the same place of the file; called from threads.

    Returns:
        SHA-256 of the content, read back range by range, in order, while later ones are on their way.

    Raises:
        OSError: If the disk has no room for it.
    """
    offsets = range(0, size, RANGE_BYTES)
    digest = hashlib.sha256()
    scratch = bytearray(min(size, _HASHED_BYTES))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    pool = ThreadPoolExecutor(max(1, min(PARALLEL_RANGES, len(offsets))), thread_name_prefix="ranged-get")
    try:
        os.ftruncate(descriptor, size)
        if size:
            os.posix_fallocate(descriptor, 0, size)
        lengths = [min(RANGE_BYTES, size - offset) for offset in offsets]
        arriving = [
            pool.submit(copy, descriptor, offset, length)
            for offset, length in zip(offsets, lengths, strict=True)
        ]
        for arrived, offset, length in zip(arriving, offsets, lengths, strict=True):
            arrived.result()
            _hash_range(digest, descriptor, scratch, offset, offset + length)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        os.close(descriptor)
    return digest.hexdigest()


def _hash_range(digest: "hashlib._Hash", descriptor: int, scratch: bytearray, offset: int, end: int) -> None:
    view = memoryview(scratch)
    while offset < end:
        count = os.preadv(descriptor, [view[: end - offset]], offset)
        digest.update(view[:count])
        offset += count
