"""What a cohort's radiomics are: of which channel, in which regions, by which settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medgantry.cohort import Cohort
from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.radiomics.settings import Settings

MIN_VOXELS = 64
"""Least size of a region: a cube of 4 voxels a side. Our choice; below it textures are mostly made of the border."""


@dataclass(frozen=True, kw_only=True)
class RadiomicsConfig:
    """What is extracted.

    Raises:
        InvalidInput: If min_voxels makes no sense.
    """

    settings: Settings
    regions: Mapping[str, Sequence[int]]
    """Name of each region -> the codes of the labels that make it."""
    channel: str
    min_voxels: int
    """Least number of voxels of a region, on the grid it comes on."""

    def __post_init__(self) -> None:
        if self.min_voxels < 1:
            raise InvalidInput(f"min_voxels must be at least 1, got {self.min_voxels}.")

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "settings": self.settings.document,
            "regions": {name: list(codes) for name, codes in self.regions.items()},
            "channel": self.channel,
            "min_voxels": self.min_voxels,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "RadiomicsConfig":
        """From what `document` gave."""
        return cls(**{**document, "settings": Settings(document["settings"])})


def choose(cohort: Cohort, *, settings: str, regions: str, channel: str, min_voxels: int) -> RadiomicsConfig:
    """What is extracted of a cohort.

    Args:
        cohort: The cohort.
        settings: pyradiomics' parameter document as JSON; empty for its defaults.
        regions: Names of regions with commas between; empty for all.
        channel: Name of a channel; empty for the only one.
        min_voxels: Least number of voxels of a region.

    Raises:
        Mismatch: If the cohort has no such region or channel, or several channels and none was named.
        InvalidInput: If the settings are wrong.
    """
    known = cohort.region_codes()
    wanted = [name.strip() for name in regions.split(",") if name.strip()] or list(known)
    missing = [name for name in wanted if name not in known]
    if missing or not wanted:
        raise Mismatch(f"Regions {missing or 'of the cohort'} were wanted, the cohort has {sorted(known)}.")
    named = [channel] if channel else list(cohort.channels)
    if len(named) != 1 or named[0] not in cohort.channels:
        raise Mismatch(
            f"Features are of one channel, {channel or 'none'} was named; the cohort has {list(cohort.channels)}.",
            "Name one of them as `channel`.",
        )
    return RadiomicsConfig(
        settings=Settings.parse(settings),
        regions={name: known[name] for name in wanted},
        channel=named[0],
        min_voxels=min_voxels,
    )
