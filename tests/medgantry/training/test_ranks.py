"""Training as a job: the same validation on any number of ranks, refusals, and what a kill leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from medgantry.bundles import open_bundle
from medgantry.cohort import Cohort
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.errors import InvalidCohort, Mismatch
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.phantoms.brain_tumor import write_task
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.sharding.shard_set import merge_shards
from medgantry.steps import StepRecord
from medgantry.storage.files import Source
from medgantry.training.job import make_job
from pipelines.brain_tumor_segmentation.pipeline import REGIONS

SMALL = {"patch_size": [32, 32, 32], "batch_size": 1}


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks") / "task"
    write_task(folder, cases=11, broken=0, seed=3, size=(32, 36, 32))
    return folder


@pytest.fixture
def prepared(task, store, tmp_path):
    """A cohort with 3 training, 7 validation and 1 test case, its shards, and the store."""
    config = IngestConfig(regions=json.loads(REGIONS), labels={}, max_rejected=0.0)
    source = Source(str(task), tmp_path / "scratch")
    cohort = ingest(source, read_layout(source, config), config, store)
    names = sorted(case.case_id for case in cohort.cases)
    sides = dict(zip(names, ["train"] * 3 + ["validation"] * 7 + ["test"], strict=True))
    cohort = split_cohort(cohort, SplitConfig(assignment=sides))
    bundle = open_bundle("medgantry:brain_tumor_segmentation", json.dumps(SMALL), tmp_path / "plain")
    plan = plan_shards(cohort, bundle, shard_mib=1000)
    record = StepRecord(step="test")
    sidecars = preprocess_part(plan, cohort, bundle, part=0, store=store, record=record)
    return cohort, merge_shards(cohort, bundle, plan, sidecars, max_rejected=0.0)


def train_in_process(cohort, shards, folder, *, epochs, ranks):
    """Run the step as a pipeline does: a process of its own."""
    bundle = open_bundle(
        "medgantry:brain_tumor_segmentation", json.dumps({**SMALL, "epochs": epochs}), folder / "bundle"
    )
    cohort.save(folder / "cohort")
    shards.save(folder / "shards")
    code = (
        "from pathlib import Path; import sys; from medgantry.training.step import train_step; "
        "place = {'task': None, 'queue': '', 'queued_hours': 1.0, 'running_hours': 1.0}; "
        "folders = [Path(p) for p in sys.argv[1:5]]; "
        "train_step(*folders, seed=0, ranks=int(sys.argv[5]), options='', launcher='auto', place=place)"
    )
    paths = [str(folder / name) for name in ("cohort", "shards", "bundle", "trained")]
    log = (folder / "log.txt").open("a")
    process = subprocess.Popen(
        [sys.executable, "-c", code, *paths, str(ranks)],
        env={**os.environ, "MEDGANTRY_CACHE": str(folder)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    return process, make_job(cohort, shards, bundle, seed=0, ranks=ranks)


def test_validation_is_bit_equal_on_one_two_and_three_ranks(prepared, tmp_path):
    results = []
    for ranks in (1, 2, 3):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        process, _ = train_in_process(*prepared, folder, epochs=0, ranks=ranks)
        assert process.wait(timeout=300) == 0, (folder / "log.txt").read_text()[-3000:]
        history = json.loads((folder / "trained/history.json").read_text())
        results.append((history["validation"], history["points"]))
    assert len(results[0][0]) == 7 * 3
    assert results[0] == results[1] == results[2]


def test_killed_training_leaves_no_worker_and_resumes(prepared, store, tmp_path):
    process, job = train_in_process(*prepared, tmp_path, epochs=6, ranks=1)
    key = f"{job.prefix}/checkpoints/latest.json"
    deadline = time.monotonic() + 120
    while not (store.exists(key) and json.loads(store.get_bytes(key))["name"]):
        assert process.poll() is None, (tmp_path / "log.txt").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2  # torchrun and its worker
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    again, _ = train_in_process(*prepared, tmp_path, epochs=6, ranks=1)
    assert again.wait(timeout=300) == 0, (tmp_path / "log.txt").read_text()[-3000:]
    assert "Resuming after epoch" in (tmp_path / "log.txt").read_text()
    history = json.loads((tmp_path / "trained/history.json").read_text())
    assert [point["epoch"] for point in history["points"]] == list(range(7))


def test_a_group_on_both_sides_is_refused(prepared, tmp_path):
    cohort, _ = prepared
    with pytest.raises(InvalidCohort, match="several"):
        replace(cohort, cases=[replace(case, group_id="one patient") for case in cohort.cases])


def test_shards_of_another_cohort_are_refused(prepared, tmp_path):
    cohort, shards = prepared
    bundle = open_bundle("medgantry:brain_tumor_segmentation", "", Path(tmp_path / "bundle"))
    fewer = cohort.cases[:-1]
    kept = {case.case_id for case in fewer}
    other = Cohort(
        cases=fewer,
        files=[file for file in cohort.files if file.case_id in kept],
        entries=(),
        channels=cohort.channels,
        label_map=cohort.label_map,
        regions=cohort.regions,
    )
    with pytest.raises(Mismatch, match="cohort"):
        make_job(other, shards, bundle, seed=0, ranks=1)
