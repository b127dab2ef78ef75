"""The 107 features of pyradiomics on the original image, drawn without images, correlated as families are.

They are standardised: no unit, mean 0, standard deviation 1. What they share is a few properties of a tumour, such as
its size; elongation is one of them, and carries the planted value.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.nsclc.hazard import PLANTED
from medgantry.phantoms.nsclc.patient import Patient
from medgantry.phantoms.nsclc.randomness import generator

_CLASSES = {
    "shape": "Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow "
    "Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea SurfaceVolumeRatio "
    "VoxelVolume",
    "firstorder": "10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum MeanAbsoluteDeviation "
    "Mean Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy Uniformity Variance",
    "glcm": "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
    "DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy "
    "JointEntropy MCC MaximumProbability SumAverage SumEntropy SumSquares",
    "gldm": "DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance "
    "GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis "
    "LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis "
    "SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis",
    "glrlm": "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis "
    "LongRunEmphasis LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy "
    "RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis "
    "ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis",
    "glszm": "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis "
    "LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis "
    "SizeZoneNonUniformity SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis "
    "SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance",
    "ngtdm": "Busyness Coarseness Complexity Contrast Strength",
}
FEATURES = tuple(f"original_{kind}_{name}" for kind, names in _CLASSES.items() for name in names.split())
"""The 107, as pyradiomics names and orders them."""

_FACTORS = 7
"""Properties that features share, besides elongation."""
_NOISE = 0.35
"""Standard deviation of what a feature shares with no other."""
_SHAPE_LOADINGS = {
    "Flatness": 0.7, "Sphericity": 0.5, "MajorAxisLength": -0.4, "LeastAxisLength": 0.3,
    "Maximum3DDiameter": -0.3, "MinorAxisLength": 0.2,
}  # fmt: skip
"""Correlation of other features with elongation."""
_PLANTED = PLANTED["radiomics"].feature
_PLANTED_NOISE = 0.15
"""Standard deviation of the error with which elongation is measured."""


@cache
def _loadings() -> NDArray[np.float64]:
    """(feature, 1 + factor) how elongation and the factors make up each feature, of unit length with the noise."""
    loadings = np.zeros((len(FEATURES), 1 + _FACTORS))
    for place, feature in enumerate(FEATURES):
        # A feature leans on one or two factors, whatever the seed: the correlations are the features' own.
        rng = generator("loadings", feature)
        chosen = rng.choice(_FACTORS, size=2, replace=False)
        loadings[place, 1 + chosen] = rng.choice([-1.0, 1.0]), rng.normal(scale=0.5)
        elongation = _SHAPE_LOADINGS.get(feature.removeprefix("original_shape_"), 0.0)
        rest = np.sqrt(1 - _NOISE**2 - elongation**2)
        loadings[place] *= rest / np.linalg.norm(loadings[place])
        loadings[place, 0] = elongation
    return loadings


def draw_radiomics(seed: int, patient: Patient) -> NDArray[np.float64]:
    """Return a patient's features, a value for each of FEATURES."""
    rng = generator(seed, patient.number, "radiomics")
    latent = patient.latents["radiomics"]
    factors = np.concatenate([[latent], rng.normal(size=_FACTORS)])
    values: NDArray[np.float64] = _loadings() @ factors + _NOISE * rng.normal(size=len(FEATURES))
    values[FEATURES.index(_PLANTED)] = latent + _PLANTED_NOISE * rng.normal()
    return values
