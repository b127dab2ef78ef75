"""The features of one region: pyradiomics' own, without the price of looking at the whole image again and again."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk
from radiomics import imageoperations

from medgantry.features.radiomics.margin import margin
from medgantry.features.radiomics.memory import raise_if_memory
from medgantry.features.radiomics.region import Region, as_mask, crop, find
from medgantry.features.radiomics.settings import Settings
from medgantry.features.radiomics.shape import Extractor
from medgantry.ledger import Unusable

_PREPARED = {"normalize": False, "resampledPixelSpacing": None, "additionalInfo": False}
"""What is done, or done without, before pyradiomics sees a region."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was computed of a region."""

    features: Mapping[str, float]
    voxels: int
    """Before anything was resampled."""
    volume_mm3: float
    """Of these voxels."""


class RegionExtractor:
    """pyradiomics, made ready once for all regions.

    Args:
        settings: What is computed.
        min_voxels: Least number of voxels of a region.
    """

    def __init__(self, settings: Settings, *, min_voxels: int) -> None:
        logging.getLogger("radiomics").setLevel(logging.ERROR)  # it warns of what the settings ask for
        self._settings, self._min_voxels = settings, min_voxels
        # What is left after resampling and resegmentation must be as many, too: it refuses this many.
        too_few = min_voxels - 1 or None
        self._extractor = Extractor(dict(settings.document), **_PREPARED, minimumROISize=too_few)

    def __call__(self, image: sitk.Image, labels: sitk.Image, codes: Sequence[int]) -> Measured:
        """Compute the features of a region.

        Args:
            image: One channel in 3-D.
            labels: Label map, on the same grid.
            codes: The labels' codes that make the region.

        Raises:
            Unusable: If the region cannot be measured, with the rule that it breaks.
        """
        region = find(image, labels, codes, min_voxels=self._min_voxels)
        try:
            found = self._extractor.execute(*self._prepare(image, region))
        except (ValueError, RuntimeError) as error:  # such as: resampling left too little of the mask
            raise_if_memory(error)
            raise Unusable(
                "pyradiomics accepts the region",
                str(error)[:500],
                "Look at the mask, or change the settings.",
            ) from error
        voxels = len(region.values)
        return Measured(
            features=self._checked(found), voxels=voxels, volume_mm3=voxels * math.prod(image.GetSpacing())
        )

    def _prepare(self, image: sitk.Image, region: Region) -> tuple[sitk.Image, sitk.Image]:
        """The region with as much around it as its features need, normalised and resampled."""
        setting = self._settings.setting
        if setting.get("normalize"):  # by mean and deviation of the whole image
            image = imageoperations.normalizeImage(image, **setting)
        around = margin(self._settings, image.GetSpacing())
        part, place = crop(image, region.box, around) if around else (image, (slice(None),) * 3)
        if not self._settings.resamples:
            return part, as_mask(region.inside[place], part)
        # The mask stays whole: pyradiomics lays the new grid by its origin and size.
        whole = {"interpolator": "sitkBSpline", **setting}
        resampled: tuple[sitk.Image, sitk.Image] = imageoperations.resampleImage(
            part, as_mask(region.inside, image), **whole
        )
        return resampled

    def _checked(self, found: Mapping[str, Any]) -> dict[str, float]:
        """All features that were asked for, as numbers."""
        features = {name: float(found[name]) for name in self._settings.feature_names if name in found}
        wrong = [
            name for name in self._settings.feature_names if not math.isfinite(features.get(name, math.nan))
        ]
        if wrong:
            raise Unusable(
                "every feature is a number",
                f"{len(wrong)} of {len(self._settings.feature_names)} are missing, NaN or infinite, such as {wrong[0]}",
                "Look at the region, or leave these features out of the settings.",
            )
        return features
