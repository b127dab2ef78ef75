"""From shards in the store to batches on the device: node cache, order, threads, caching modes."""

from medgantry.loading.caching import open_reader
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.loader import BatchLoader
from medgantry.loading.node_cache import NodeCache
from medgantry.loading.order import EpochOrder
from medgantry.loading.seeds import derive_seed
from medgantry.loading.shuffle_window import ShuffleWindow

__all__ = [
    "BatchLoader",
    "CaseReader",
    "EpochOrder",
    "NodeCache",
    "ShuffleWindow",
    "derive_seed",
    "open_reader",
]
