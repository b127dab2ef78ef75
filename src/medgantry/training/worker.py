"""One rank of a training: `python -m medgantry.training.worker <job key>`, started by a launcher."""

import os
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import record

from medgantry.bundles import Bundle
from medgantry.bundles.runnable import ENTRY_POINT
from medgantry.processes import die_with_parent
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.training.job import Job
from medgantry.training.rank import Rank
from medgantry.training.scripted import run_script
from medgantry.training.supervised import SupervisedTraining


@record
def main(key: str) -> None:
    """Run one rank."""
    die_with_parent()
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    store = ObjectStore.from_environment()
    job = Job.load(store, key)
    torch.set_num_threads(job.threads)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    cache = Path(os.environ.get("MEDGANTRY_CACHE", gettempdir())) / "medgantry-shards"
    with TemporaryDirectory(prefix="medgantry-worker-") as name:
        folder = Path(name) / "bundle"
        fetch_folder(store, f"{job.prefix}/input", folder)
        rank = Rank(job, Bundle(folder), cache, store)
        monitor = rank.tracked.system_metrics() if rank.tracked else None
        try:
            if ENTRY_POINT in rank.recipe.config:
                run_script(rank)
            else:
                SupervisedTraining(rank).run()
        finally:
            if monitor:
                monitor.finish()
            if dist.is_initialized():
                dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
