"""Make the shards of one task of a plan; shards that exist are taken as they are."""

from components.preprocess_shard.component import preprocess_shard as preprocess_shard
