"""Deterministic preprocessing, once per case, into safetensors shards."""

from medgantry.sharding.shard_set import ShardSet

__all__ = ["ShardSet"]
