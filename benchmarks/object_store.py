"""B9: objects from a store that gives each connection 90 MiB/s and each request 20 ms of latency."""

import importlib
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from benchmarks.paired import compare
from benchmarks.stub_s3 import serving, sha256_of
from medgantry.fingerprint import hash_file
from medgantry.storage import ObjectStore
from medgantry.storage.ranged import PARALLEL_RANGES, RANGE_BYTES

RATE, LATENCY = 90 * 2**20, 0.02
LARGE = {f"large/{number}": 128 << 20 for number in range(2)}
SMALL = {f"small/{number}": 512 << 10 for number in range(300)}
THREADS = 16
RUNS = 5


def main() -> Iterator[dict[str, Any]]:
    """Rows; void, by an error, when what a client brought is not what the store holds."""
    objects = {f"bench/{key}": size for key, size in {**LARGE, **SMALL}.items()}
    with TemporaryDirectory() as name, serving(RATE, LATENCY, objects) as endpoint:
        store, target = ObjectStore.from_environment(), Path(name) / "object"
        for peer, (download, get) in _clients(endpoint, store).items():
            theirs = partial(_large, partial(_then_hash, download), target)
            yield _row(
                "2 objects of 128 MiB to disk, hashed", peer, partial(_large, store.download, target), theirs
            )
            yield _row(
                "300 objects of 512 KiB into memory",
                peer,
                partial(_small, store.get_bytes),
                partial(_small, get),
            )


def _row(stage: str, peer: str, ours: Callable[[], None], theirs: Callable[[], None]) -> dict[str, Any]:
    """Wall and, beside it, CPU of this process, which is the client's."""
    cpu: dict[str, list[float]] = {"ours": [], "peer": []}

    def timed(side: str, work: Callable[[], None]) -> None:
        began = time.process_time()
        work()
        cpu[side].append(time.process_time() - began)

    row = compare(stage, peer, partial(timed, "ours", ours), partial(timed, "peer", theirs),
                  clock=time.perf_counter, runs=RUNS)  # fmt: skip
    medians = {side: statistics.median(seconds[1:]) for side, seconds in cpu.items()}
    return {**row, "cpu_seconds": medians, "cpu_ratio": medians["peer"] / medians["ours"]}


def _large(download: Callable[[str, Path], str], target: Path) -> None:
    for key, size in LARGE.items():
        assert download(key, target) == _known(key, size), key


def _small(get: Callable[[str], bytes]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for (key, size), content in zip(SMALL.items(), pool.map(get, SMALL), strict=True):
            assert len(content) == size, key


def _then_hash(download: Callable[[str, Path], object], key: str, target: Path) -> str:
    target.unlink(missing_ok=True)
    download(key, target)
    return hash_file(target)


_HASHES: dict[str, str] = {}


def _known(key: str, size: int) -> str:
    if key not in _HASHES:
        _HASHES[key] = sha256_of(f"bench/{key}", size)
    return _HASHES[key]


Client = tuple[Callable[[str, Path], object], Callable[[str], bytes]]


def _clients(endpoint: str, store: ObjectStore) -> dict[str, Client]:
    """Peer -> how it brings a large object to a file, and a small one into memory."""
    found = {
        f"minio {version('minio')} fget_object": _minio(store),
        f"boto3 {version('boto3')}": _boto3(endpoint),
    }
    for name, make in (("s3fs", _s3fs), ("obstore", _obstore)):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found[f"{name} {version(name)}"] = make(module, endpoint)
    return found


def _minio(store: ObjectStore) -> Client:
    client = store._client

    def get(key: str) -> bytes:
        response = client.get_object(bucket_name="bench", object_name=key)
        try:
            return bytes(response.read())
        finally:
            response.release_conn()

    return (
        lambda key, path: client.fget_object(bucket_name="bench", object_name=key, file_path=str(path))
    ), get


def _boto3(endpoint: str) -> Client:
    client = boto3.client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1",
                          config=Config(max_pool_connections=THREADS))  # fmt: skip
    transfer = TransferConfig(max_concurrency=10)  # its default
    return (
        lambda key, path: client.download_file("bench", key, str(path), Config=transfer),
        lambda key: bytes(client.get_object(Bucket="bench", Key=key)["Body"].read()),
    )


def _s3fs(module: Any, endpoint: str) -> Client:
    files = module.S3FileSystem(endpoint_url=f"http://{endpoint}", key="key", secret="secret")

    def download(key: str, path: Path) -> None:
        path.write_bytes(files.cat_file(f"bench/{key}"))

    return download, lambda key: bytes(files.cat_file(f"bench/{key}"))


def _obstore(module: Any, endpoint: str) -> Client:
    """Separate `get_range` calls: `get_ranges` joins neighbours into one request."""
    store = importlib.import_module("obstore.store").S3Store(
        "bench", endpoint=f"http://{endpoint}", region="us-east-1", access_key_id="key", secret_access_key="secret",
        client_options={"allow_http": True},
    )  # fmt: skip

    def download(key: str, path: Path) -> None:
        size = LARGE[key]
        with path.open("wb") as stream, ThreadPoolExecutor(PARALLEL_RANGES) as pool:
            lengths = [(start, min(RANGE_BYTES, size - start)) for start in range(0, size, RANGE_BYTES)]
            for part in pool.map(
                lambda one: module.get_range(store, key, start=one[0], length=one[1]), lengths
            ):
                stream.write(part)

    return download, lambda key: bytes(module.get(store, key).bytes())
