"""What is known of one input without its pixels: geometry, and how its intensities are distributed.

Nothing here comes from a header's text or a file's name, and no number is that of a single voxel.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medgantry.cohort.channels import canonical_channel
from medgantry.features.column import NUMBER, Column

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
COLOURS = ("red", "green", "blue")
"""Channels of a photo."""


@dataclass(frozen=True, kw_only=True)
class ChannelStatistics:
    """One channel of a volume, or one colour of a photo."""

    shape: Sequence[int]
    """Voxels or pixels along the axes as stored."""
    spacing_mm: Sequence[float]
    """Along the same axes; empty for a photo, which does not say."""
    zeros: float
    """Share of values that are 0, 0 to 1: background that somebody masked."""
    not_finite: float
    """Share of values that are NaN or infinite, 0 to 1."""
    quantiles: Sequence[float]
    """At `QUANTILES`, of the other values, in the file's units; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class CaseStatistics:
    """One input: an image's channels, or a row of a table."""

    channels: Mapping[str, ChannelStatistics] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    """Feature name -> number; what is missing is absent."""
    categories: Mapping[str, str] = field(default_factory=dict)
    """Feature name -> one of its declared categories; anything else is absent."""

    def scalars(self) -> dict[str, float]:
        """Everything but categories as one number per name.

        An only channel goes without its name: bundles may call it `image` where cohorts call it `CT`.
        """
        found = {f"feature {name}": float(value) for name, value in self.features.items()}
        for name, channel in self.channels.items():
            prefix = f"{canonical_channel(name)} " if len(self.channels) > 1 else ""
            found |= {f"{prefix}{key}": value for key, value in _scalars(channel).items()}
        return found

    def labels(self) -> dict[str, str]:
        """Each category under the name that reports give it."""
        return {f"feature {name}": value for name, value in self.categories.items()}

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "CaseStatistics":
        """Statistics that `document` wrote."""
        channels = {name: ChannelStatistics(**values) for name, values in document["channels"].items()}
        return cls(
            channels=channels, features=document["features"], categories=document.get("categories", {})
        )


def volume_statistics(path: Path, channels: Mapping[str, int]) -> dict[str, ChannelStatistics]:
    """Statistics of a NIfTI file's channels.

    Args:
        path: The file.
        channels: Channel name -> position on the last axis of a 4-D file; -1 for a 3-D file.

    Raises:
        nibabel.filebasedimages.ImageFileError: If it is no NIfTI file; or what nibabel raises for a damaged one.
    """
    image = nibabel.load(path)
    voxels = np.asarray(image.dataobj, dtype=np.float32)
    spacing = [float(size) for size in voxel_sizes(image.affine)]
    return {
        name: _statistics(voxels if index < 0 else voxels[..., index], spacing)
        for name, index in channels.items()
    }


def photo_statistics(pixels: NDArray[np.uint8]) -> dict[str, ChannelStatistics]:
    """Statistics of a photo's colours.

    Args:
        pixels: (rows, columns, RGB).
    """
    return {name: _statistics(pixels[..., index], ()) for index, name in enumerate(COLOURS)}


def table_statistics(columns: Iterable[Column], row: Mapping[str, Any]) -> CaseStatistics:
    """A row's finite numbers and declared categories: no other text, and nothing that is missing.

    Args:
        columns: Those that count.
        row: Value per column name.
    """
    known = [(column, row.get(column.name)) for column in columns]
    return CaseStatistics(
        features={
            column.name: float(value)
            for column, value in known
            if column.kind == NUMBER and isinstance(value, int | float) and math.isfinite(value)
        },
        categories={
            column.name: value
            for column, value in known
            if isinstance(value, str) and value in column.categories
        },
    )


def _statistics(values: NDArray[Any], spacing_mm: Sequence[float]) -> ChannelStatistics:
    finite = np.isfinite(values)
    zero = values == 0
    shown = values[finite & ~zero]
    quantiles = np.quantile(shown, QUANTILES, overwrite_input=True).tolist() if shown.size else []
    return ChannelStatistics(
        shape=[int(size) for size in values.shape],
        spacing_mm=list(spacing_mm),
        zeros=float(zero.mean()),
        not_finite=float(1 - finite.mean()),
        quantiles=[float(value) for value in quantiles],
    )


def _scalars(channel: ChannelStatistics) -> dict[str, float]:
    found = {f"size of axis {axis}": float(size) for axis, size in enumerate(channel.shape, start=1)}
    found |= {f"spacing of axis {axis}, mm": size for axis, size in enumerate(channel.spacing_mm, start=1)}
    found |= {"share of zeros": channel.zeros, "share not finite": channel.not_finite}
    quantiles = zip(QUANTILES, channel.quantiles, strict=False)  # there may be none
    return found | {f"intensity at {level:.0%}": value for level, value in quantiles}
