"""Killed preprocessing: what was committed stays, what comes after is byte-identical."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from medgantry.bundles import open_bundle
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.phantoms.brain_tumor import write_task
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.steps import StepRecord
from medgantry.storage.files import Source
from pipelines.brain_tumor_segmentation.pipeline import REGIONS

STEP = (
    "from pathlib import Path; import sys; from medgantry.sharding.step import preprocess; "
    "preprocess(*[Path(p) for p in sys.argv[1:5]], index=0)"
)


@pytest.fixture
def planned(store, tmp_path):
    """Nine cases in nine shards, all for one task, in folders as a pipeline has them."""
    write_task(tmp_path / "task", cases=9, broken=0, seed=5, size=(32, 36, 32))
    config = IngestConfig(regions=json.loads(REGIONS), labels={}, max_rejected=0.0)
    source = Source(str(tmp_path / "task"), tmp_path / "scratch")
    cohort = ingest(source, read_layout(source, config), config, store)
    bundle = open_bundle("medgantry:brain_tumor_segmentation", "", tmp_path / "bundle")
    plan = replace(plan_shards(cohort, bundle, shard_mib=0.1), parts=1)
    assert len(plan.shards) == 9
    cohort.save(tmp_path / "cohort")
    plan.save(tmp_path / "plan")
    return plan, cohort, bundle


def committed(store, plan):
    return {
        item.key: item.modified for item in store.list(f"shards/{plan.spec}/") if item.key.endswith(".json")
    }


def test_five_kills_lose_at_most_the_shard_in_hand(planned, store, tmp_path):
    plan, cohort, bundle = planned
    folders = [str(tmp_path / name) for name in ("plan", "cohort", "bundle", "receipt")]
    before = {}
    for goal in (1, 2, 4, 6, 8):
        process = subprocess.Popen([sys.executable, "-c", STEP, *folders], env=dict(os.environ))
        deadline = time.monotonic() + 120
        while len(committed(store, plan)) < goal:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = committed(store, plan)
        assert before.items() <= now.items()  # nothing that was committed was written again
        before = now
    record = StepRecord(step="test")
    after_kills = preprocess_part(plan, cohort, bundle, part=0, store=store, record=record)
    assert record.facts["shards_made"] == 9 - len(before)
    for item in list(store.list("shards/")):
        store.delete(item.key)
    undisturbed = preprocess_part(plan, cohort, bundle, part=0, store=store, record=StepRecord(step="test"))
    assert [shard["sha256"] for shard in after_kills] == [shard["sha256"] for shard in undisturbed]
    assert after_kills == undisturbed
