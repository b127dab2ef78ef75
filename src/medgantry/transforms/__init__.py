"""Transforms that our bundles need and MONAI lacks."""

from medgantry.transforms.regions import LabelsToRegionsd

__all__ = ["LabelsToRegionsd"]
