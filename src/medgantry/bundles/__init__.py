"""MONAI bundles: ours, as package data, and what it takes to open any."""

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.opening import open_bundle

__all__ = ["Bundle", "open_bundle"]
