"""B7: sixteen cases from a store to preprocessed samples in it, by two processes; then with a kill in the middle."""

import io
import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai
import torch

from benchmarks.paired import compare
from benchmarks.stub_s3 import serving
from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.case_files import bring_case
from medgantry.bundles.recipe import Recipe
from medgantry.cohort import Cohort
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.loading import CaseReader, NodeCache
from medgantry.phantoms.brain_tumor import write_task
from medgantry.sharding.plan import ShardPlan, plan_shards, sidecar_key
from medgantry.sharding.preprocess import preprocess_part
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source
from pipelines.brain_tumor_segmentation.pipeline import REGIONS

RATE, LATENCY = 50e6, 0.02
CASES, SIZE, WORKERS, RUNS = 16, (96, 96, 64), 2, 5
_FORK = multiprocessing.get_context("fork")  # neither side pays for imports


def main() -> list[dict[str, Any]]:
    """One row; void, by an error, when both sides' samples differ by more than storage allows."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as name, serving(RATE, LATENCY, {}):
        folder = Path(name)
        cohort, bundle, plan = _planned(folder)
        efficiency: list[float] = []

        def ours() -> None:
            began, before = time.perf_counter(), _cpu_of_children()
            _run(cohort, bundle, plan, _fresh())
            efficiency.append((_cpu_of_children() - before) / WORKERS / (time.perf_counter() - began))

        peer = f"download all, Pool({WORKERS}).map of MONAI {monai.__version__} and torch.save, upload all"
        row = compare(
            "preprocess 16 cases from store to store",
            peer,
            ours,
            partial(_pool, cohort, bundle, folder),
            clock=time.perf_counter,
            runs=RUNS,
        )
        undisturbed, _ = _run(cohort, bundle, plan, _fresh())
        _check(undisturbed, cohort, folder)
        return [
            {
                **row,
                "efficiency": sorted(efficiency[1:])[RUNS // 2],
                "resume": _resume(cohort, bundle, plan, undisturbed),
            }
        ]


def _planned(folder: Path) -> tuple[Cohort, Bundle, ShardPlan]:
    write_task(folder / "task", cases=CASES, size=SIZE)
    config = IngestConfig(regions=json.loads(REGIONS), labels={}, max_rejected=0.0)
    source = Source(str(folder / "task"), folder / "scratch")
    cohort = ingest(source, read_layout(source, config), config, ObjectStore.from_environment())
    bundle = open_bundle("medgantry:brain_tumor_segmentation", "", folder / "bundle")
    plan = plan_shards(cohort, bundle, shard_mib=12)
    return cohort, bundle, plan


_stores = iter(range(10**6))


def _fresh() -> str:
    """A place in the store where nothing was committed."""
    return f"s3://bench/run-{next(_stores)}"


def _work(
    cohort: Cohort, bundle: Bundle, plan: ShardPlan, uri: str, worker: int
) -> tuple[dict[str, Any], int]:
    """One worker's share: shard id -> sidecar, and how many it made."""
    store = ObjectStore.from_environment(uri)
    found: dict[str, Any] = {}
    made = 0
    for part in range(worker, plan.parts, WORKERS):
        record = StepRecord(step="bench")
        with redirect_stdout(io.StringIO()):  # its progress
            sidecars = preprocess_part(plan, cohort, bundle, part=part, store=store, record=record)
        found |= {str(sidecar["shard_id"]): sidecar for sidecar in sidecars}
        made += int(record.facts["shards_made"])
    return found, made


def _run(cohort: Cohort, bundle: Bundle, plan: ShardPlan, uri: str) -> tuple[dict[str, Any], int]:
    with ProcessPoolExecutor(WORKERS, mp_context=_FORK) as pool:
        parts = list(pool.map(partial(_work, cohort, bundle, plan, uri), range(WORKERS)))
    return {name: sidecar for found, _ in parts for name, sidecar in found.items()}, sum(
        made for _, made in parts
    )


def _resume(cohort: Cohort, bundle: Bundle, plan: ShardPlan, undisturbed: dict[str, Any]) -> dict[str, Any]:
    """Kill both workers when half of the shards are committed, then run again."""
    uri = _fresh()
    store = ObjectStore.from_environment(uri)
    workers = [
        _FORK.Process(target=_work, args=(cohort, bundle, plan, uri, number)) for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    keys = [sidecar_key(plan.spec, shard.shard_id) for shard in plan.shards]
    while sum(store.exists(key) for key in keys) < len(keys) // 2 and any(
        worker.is_alive() for worker in workers
    ):
        time.sleep(0.02)
    for worker in workers:
        worker.kill()
        worker.join()
    committed = sum(store.exists(key) for key in keys)
    found, made = _run(cohort, bundle, plan, uri)
    hashes = [{name: shard["sha256"] for name, shard in run.items()} for run in (undisturbed, found)]
    assert hashes[0] == hashes[1]
    assert made == len(keys) - committed
    return {"shards": len(keys), "committed_when_killed": committed, "made_again": made, "identical": True}


def _pool(cohort: Cohort, bundle: Bundle, folder: Path) -> None:
    """As the samples of large clouds do it: three phases, each after the last."""
    store, place = ObjectStore.from_environment(_fresh()), folder / "pool"
    cases = [case.case_id for case in cohort.cases]
    brought = []
    for case_id in cases:
        (place / case_id).mkdir(parents=True, exist_ok=True)
        brought.append(bring_case(cohort.files_of[case_id], bundle, place / case_id))
    work = [(dict(item), place / f"{case_id}.pt") for item, case_id in zip(brought, cases, strict=True)]
    with _FORK.Pool(WORKERS, _prepare_pool, (bundle, bundle.label_codes(cohort))) as pool:
        pool.map(_transform, work, chunksize=1)
    for _, path in work:
        store.put_file(path.name, path)
    for case_id in cases:
        for path in (place / case_id).iterdir():
            path.unlink()


@cache
def _pool_state() -> dict[str, Any]:
    return {}


def _prepare_pool(bundle: Bundle, regions: dict[str, list[int]]) -> None:
    _pool_state()["transforms"] = Recipe(bundle, regions).deterministic


def _transform(work: tuple[dict[str, Any], Path]) -> None:
    made = _pool_state()["transforms"](work[0])
    torch.save({name: made[name].as_tensor().float() for name in ("image", "label")}, work[1])


def _check(shards: dict[str, Any], cohort: Cohort, folder: Path) -> None:
    reader = CaseReader(list(shards.values()), NodeCache(folder / "cache", 1 << 40))
    for case in cohort.cases:
        wanted = torch.load(folder / f"pool/{case.case_id}.pt", weights_only=True)
        found = reader.read(case.case_id)
        for name, tensor in wanted.items():
            assert float((found[name] - tensor).abs().max()) <= 1e-3 * float(tensor.abs().max()), (case, name)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
