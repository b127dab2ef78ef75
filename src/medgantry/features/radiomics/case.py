"""One case: its files, and what is measured of each region or why not. Runs in a process of its own."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from medgantry.features.radiomics.config import RadiomicsConfig
from medgantry.features.radiomics.extract import RegionExtractor
from medgantry.features.radiomics.reading import read_volume
from medgantry.ledger import Unusable

LIBRARIES = ("pyradiomics-bhklab", "SimpleITK", "numpy", "PyWavelets", "scipy")
"""Whose versions decide the digits."""

Result = Mapping[str, Any]
"""What is known of a case: `regions`, each with features or a verdict; spacing and size of the image."""


def measure_case(
    config: Mapping[str, Any], image: str, channel_index: int, labels: str, scratch: str
) -> dict[str, Any]:
    """Measure every region of a case.

    Args:
        config: Document of a `RadiomicsConfig`.
        image: Path of the image.
        channel_index: On the last axis of a 4-D image; -1 for a 3-D one.
        labels: Path of the label map.
        scratch: A folder for what is unpacked.

    Returns:
        `regions`: name -> features, voxels and mm³, or rule, evidence and remedy; `spacing_mm` and `size` along x, y, z.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(
        1
    )  # cases run beside each other, and sums stay the same
    wanted = RadiomicsConfig.of(config)
    try:
        volume = read_volume(Path(image), Path(scratch), channel_index=channel_index)
        mask = read_volume(Path(labels), Path(scratch))
    except Unusable as broken:
        return {"regions": refused(wanted, broken)}
    extractor = RegionExtractor(wanted.settings, min_voxels=wanted.min_voxels)
    regions: dict[str, Any] = {}
    for name, codes in wanted.regions.items():
        try:
            regions[name] = asdict(extractor(volume, mask, codes))
        except Unusable as broken:
            regions[name] = broken.document()
    return {"regions": regions, "spacing_mm": list(volume.GetSpacing()), "size": list(volume.GetSize())}


def refused(config: RadiomicsConfig, broken: Unusable) -> dict[str, dict[str, str]]:
    """The regions of a case of which none can be measured."""
    return {name: broken.document() for name in config.regions}


def library_versions() -> dict[str, str]:
    """What computes."""
    return {name: version(name) for name in LIBRARIES}
