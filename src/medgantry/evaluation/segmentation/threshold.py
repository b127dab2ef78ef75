"""The baseline of one threshold on one channel, chosen on the evaluated cases themselves.

It is an upper bound of what brightness alone can do; a network has to beat it clearly.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medgantry.evaluation.segmentation.dice import dice

_GRID = np.arange(-1.0, 4.01, 0.25)
"""Thresholds, in standard deviations over the non-zero voxels."""


class ThresholdBaseline:
    """Collects cases, then says the best Dice of any channel and threshold."""

    def __init__(self) -> None:
        self._scores: dict[tuple[str, str, float], list[float]] = defaultdict(list)

    def add(self, channels: dict[str, NDArray[np.generic]], references: dict[str, NDArray[np.bool_]]) -> None:
        """Score a case: channel name -> volume, region name -> reference mask, on one grid."""
        for channel, volume in channels.items():
            inside = volume[volume != 0].astype(np.float64)
            if inside.size == 0 or inside.std() == 0:
                continue
            scored = (volume - inside.mean()) / inside.std()
            for threshold in _GRID:
                mask = np.logical_and(scored > threshold, volume != 0)
                for region, reference in references.items():
                    self._scores[region, channel, float(threshold)].append(dice(mask, reference))

    def best(self, regions: Sequence[str]) -> dict[str, dict[str, float | str]]:
        """Region -> the best mean Dice with its channel and threshold."""
        result: dict[str, dict[str, float | str]] = {}
        for region in regions:
            found = [
                (float(np.mean(scores)), channel, threshold)
                for (name, channel, threshold), scores in self._scores.items()
                if name == region
            ]
            if found:
                value, channel, threshold = max(found)
                result[region] = {"dice": value, "channel": channel, "threshold_sd": threshold}
        return result
