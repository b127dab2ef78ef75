"""Transforms that our bundles need: what MONAI lacks, and what gives MONAI's result in less time."""

from medgantry.transforms.fused import FusedSpacingd
from medgantry.transforms.intensity import NormalizeIntensityd
from medgantry.transforms.loading import LoadImaged
from medgantry.transforms.regions import LabelsToRegionsd
from medgantry.transforms.replacement import replace_proved
from medgantry.transforms.spacing import Spacingd

__all__ = [
    "FusedSpacingd",
    "LabelsToRegionsd",
    "LoadImaged",
    "NormalizeIntensityd",
    "Spacingd",
    "replace_proved",
]
