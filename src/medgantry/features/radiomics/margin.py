"""How much of an image around a region decides the region's features, so that the rest can be cut off.

pyradiomics computes on the region's box alone, once images were resampled and filtered; only these look around.
"""

import math
from collections.abc import Sequence
from typing import Any

import pywt  # type: ignore[import-untyped]

from medgantry.features.radiomics.settings import Settings

_INTERPOLATION = 32
"""Voxels that an interpolator looks around. The widest is the cubic B-spline, whose prefilter forgets by a factor of
2 - sqrt(3) a voxel (Unser 1999, doi:10.1109/79.799930): 32 voxels away is below the last bit of a double."""
_WIDTHS = 30
"""Standard deviations that a Laplacian of Gaussian looks around: ITK computes it recursively, and the slowest pole
forgets by exp(-1.37) a standard deviation (Deriche 1993, INRIA report 1893), 1e-18 in all."""


def margin(settings: Settings, spacing_mm: Sequence[float]) -> list[int] | None:
    """Voxels to keep on each side of a region's box, for equal features.

    Args:
        settings: What is computed.
        spacing_mm: Of the image, along (x, y, z).

    Returns:
        Along (x, y, z); None where the whole image decides.
    """
    if settings.resamples:
        padding = settings.setting.get("padDistance", 5)
        return [
            math.ceil(padding * max(wanted / had, 1)) + _INTERPOLATION
            for wanted, had in zip(settings.setting["resampledPixelSpacing"], spacing_mm, strict=True)
        ]
    if settings.setting.get("preCrop"):  # filters then see no more
        return [int(settings.setting.get("padDistance", 5))] * 3
    reaches = [_reach(name, settings.of(name), spacing_mm) for name in settings.document["imageType"]]
    known = [reach for reach in reaches if reach is not None]
    return [max(along) for along in zip(*known, strict=True)] if len(known) == len(reaches) else None


def _reach(image_type: str, setting: dict[str, Any], spacing_mm: Sequence[float]) -> list[int] | None:
    """Voxels that a filter looks around; None where it scales by the greatest value of the image."""
    if image_type == "Original":
        return [0, 0, 0]
    if image_type == "Gradient":
        return [1, 1, 1]
    if image_type == "LoG":
        return [math.ceil(_WIDTHS * max(setting["sigma"]) / step) for step in spacing_mm]
    if image_type == "Wavelet":
        levels = setting.get("start_level", 0) + setting.get("level", 1)
        return [levels * pywt.Wavelet(setting.get("wavelet", "coif1")).dec_len] * 3
    return None
