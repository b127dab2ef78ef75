"""Jobs of one tiny training, run by workers as a launcher starts them."""

import json
import os
import subprocess
import sys
import time

import torch

from medgantry.bundles import open_bundle
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.phantoms.brain_tumor import write_task
from medgantry.sharding.plan import plan_shards
from medgantry.sharding.preprocess import preprocess_part
from medgantry.sharding.shard_set import merge_shards
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore, fetch_folder, publish_folder
from medgantry.storage.files import Source
from medgantry.training.job import make_job
from medgantry.training.options import TrainOptions
from pipelines.brain_tumor_segmentation.pipeline import REGIONS

NETWORK = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 4,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
    "dropout": 0.2,
}
SMALL = {"network_def": NETWORK, "patch_size": [16, 16, 16], "batch_size": 1, "epochs": 5}


class Trainings:
    """6 training cases, 1 for validation, in a store.

    Args:
        folder: For everything.
    """

    def __init__(self, folder):
        write_task(folder / "task", cases=8, broken=0, seed=3, size=(32, 32, 32))
        self.folder, self.store = folder, ObjectStore.from_environment()
        config = IngestConfig(regions=json.loads(REGIONS), labels={}, max_rejected=0.0)
        source = Source(str(folder / "task"), folder / "scratch")
        cohort = ingest(source, read_layout(source, config), config, self.store)
        names = sorted(case.case_id for case in cohort.cases)
        sides = dict(zip(names, ["train"] * 6 + ["validation", "test"], strict=True))
        self.cohort = split_cohort(cohort, SplitConfig(assignment=sides))
        self.bundle = open_bundle("medgantry:brain_tumor_segmentation", json.dumps(SMALL), folder / "bundle")
        plan = plan_shards(self.cohort, self.bundle, shard_mib=1000)
        record = StepRecord(step="test")
        sidecars = preprocess_part(plan, self.cohort, self.bundle, part=0, store=self.store, record=record)
        self.shards = merge_shards(self.cohort, self.bundle, plan, sidecars, max_rejected=0.0)

    def job(self, seed, *, ranks=1):
        """A job of its own per seed, ready for workers."""
        options = TrainOptions(deterministic=True)
        job = make_job(self.cohort, self.shards, self.bundle, seed=seed, ranks=ranks, options=options)
        publish_folder(self.store, f"{job.prefix}/input", self.bundle.folder)
        job.save(self.store)
        return job

    def start(self, job, *, processes=1):
        command = [sys.executable, "-m"]
        if processes > 1:
            command += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        command += ["medgantry.training.worker", job.key]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
        log = (self.folder / "log.txt").open("a")
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def finish(self, job, *, processes=1):
        process = self.start(job, processes=processes)
        assert process.wait(timeout=400) == 0, (self.folder / "log.txt").read_text()[-3000:]

    def result(self, job, name):
        """Weights and training losses."""
        fetch_folder(self.store, f"{job.prefix}/bundle", self.folder / name)
        history = json.loads((self.folder / name / "history.json").read_text())
        weights = torch.load(self.folder / name / "models/model.pt", weights_only=True)
        return weights, history

    def start_over(self, job):
        """Forget the job's result and checkpoints."""
        for item in list(self.store.list(job.prefix)):
            if "/input/" not in item.key and not item.key.endswith("job.json"):
                self.store.delete(item.key)

    def checkpoint(self, job):
        """Name of the last one; empty before the first."""
        key = f"{job.prefix}/checkpoints/latest.json"
        return json.loads(self.store.get_bytes(key))["name"] if self.store.exists(key) else ""

    def wait_for_checkpoint(self, job, process, *, after=""):
        deadline = time.monotonic() + 200
        while self.checkpoint(job) in ("", after):
            assert process.poll() is None, (self.folder / "log.txt").read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.02)
