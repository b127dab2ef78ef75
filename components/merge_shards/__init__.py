"""Fold what the preprocessing tasks committed into one index."""

from components.merge_shards.component import merge_shards as merge_shards
