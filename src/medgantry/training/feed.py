"""The samples of a training: shards through this node's cache, in the job's order."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from medgantry.bundles.recipe import Recipe
from medgantry.errors import InvalidBundle
from medgantry.loading.batches import Reader
from medgantry.loading.caching import open_reader
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.loader import BatchLoader
from medgantry.loading.node_cache import NodeCache
from medgantry.loading.order import EpochOrder
from medgantry.loading.rotation import Rotation
from medgantry.loading.shuffle_window import ShuffleWindow
from medgantry.training.job import Job

_SHARE = 0.8
"""Of the free disk, for shards."""


class Feed:
    """What a rank reads.

    Args:
        job: The job.
        recipe: Whose random transforms are applied, on the device that it trains on.
        cache: Folder on this node.
        process: This one.
        processes: How many train together.
    """

    def __init__(self, job: Job, recipe: Recipe, cache: Path, *, process: int, processes: int) -> None:
        options, device = job.options, recipe.device
        rotation = None
        if options.cache == "smart":
            rotation = Rotation(
                sorted(job.train), cached=options.cached_cases, replace_rate=options.replace_rate
            )
        budget = int(options.cache_gib * 2**30)
        shards = CaseReader(job.shards, NodeCache(cache, budget or _most_of_the_disk(cache)))
        self.reader: Reader = open_reader(
            options.cache, shards, device=device, folder=cache / "decoded", rotation=rotation
        )
        self.order = EpochOrder(
            rotation or sorted(job.train),
            seed=job.seed,
            batch_size=recipe.batch_size,
            ranks=job.ranks,
            balance=_balance(recipe, job),
            window=ShuffleWindow(job.shards, budget) if budget else None,
        )
        self.loader = BatchLoader(
            self.reader,
            self.order,
            recipe.random,
            seed=job.seed,
            threads=options.loader_threads,
            process=process,
            processes=processes,
            device=device,
        )


def _most_of_the_disk(cache: Path) -> int:
    """Bytes for shards on this node."""
    cache.mkdir(parents=True, exist_ok=True)
    held = sum(path.stat().st_size for path in cache.glob("*.safetensors"))
    return int(_SHARE * (shutil.disk_usage(cache).free + held))


def _balance(recipe: Recipe, job: Job) -> Mapping[str, int]:
    """Case -> class, where the config's `sampling` is `balanced`."""
    sampling = recipe.config.get("sampling")
    if sampling not in (None, "natural", "balanced"):
        raise InvalidBundle(f"sampling must be natural or balanced, got {sampling!r}.")
    if sampling != "balanced":
        return {}
    if not job.classes:
        raise InvalidBundle("sampling: balanced needs classes, and this bundle has none.", "Use natural.")
    return {case_id: job.classes[case_id] for case_id in job.train}
