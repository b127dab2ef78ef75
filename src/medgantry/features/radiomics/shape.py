"""Shape features, with a surface of its own where pyradiomics compares every vertex with every other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor
from radiomics.shape import RadiomicsShape

from medgantry.features.radiomics.surface import measure

EXACT_VERTICES = 30_000
"""Up to here pyradiomics' own code runs, and its features come to the last bit; it takes about a second there, and
the square of it beyond."""


class Extractor(RadiomicsFeatureExtractor):  # type: ignore[misc]
    """pyradiomics' extractor, whose time does not grow with the square of a region's surface."""

    def computeShape(
        self, image: sitk.Image, mask: sitk.Image, boundingBox: Any, **settings: Any
    ) -> Mapping[str, Any]:
        """Shape features of a region that is cut out by its box."""
        cropped = imageoperations.cropToTumorMask(image, mask, boundingBox)
        if "shape" not in self.enabledFeatures or _vertices(cropped[1], settings) <= EXACT_VERTICES:
            found: Mapping[str, Any] = super().computeShape(image, mask, boundingBox, **settings)
            return found
        shape = LargeShape(*cropped, **settings)
        for name in self.enabledFeatures["shape"] or ():
            shape.enableFeatureByName(name)
        return {f"original_shape_{name}": value for name, value in shape.execute().items()}


class LargeShape(RadiomicsShape):  # type: ignore[misc]
    """pyradiomics' shape features, equal to about 1e-12: sums are taken in another order."""

    def _initSegmentBasedCalculation(self) -> None:
        self.pixelSpacing = np.array(self.inputImage.GetSpacing()[::-1])
        self.maskArray = np.pad(sitk.GetArrayViewFromImage(self.inputMask) == self.label, 1)
        self.labelledVoxelCoordinates = np.nonzero(self.maskArray)
        self.SurfaceArea, self.Volume, self.diameters = measure(self.maskArray, self.pixelSpacing)
        places = np.stack(self.labelledVoxelCoordinates) * self.pixelSpacing[:, None]
        self.eigenValues = np.linalg.eigvalsh(np.cov(places, bias=True)).clip(min=0)


def _vertices(mask: sitk.Image, settings: Mapping[str, Any]) -> int:
    inside = np.pad(sitk.GetArrayViewFromImage(mask) == settings.get("label", 1), 1)
    return sum(int(np.count_nonzero(np.diff(inside, axis=axis))) for axis in range(3))
