"""Random transforms of whole batches, on the device where the batch is.

A sample's randomness comes from its own seed and is drawn on the CPU, so that it is the same on every device and in
every batch. Nothing here waits for the device.
"""

from medgantry.augmentation.affine import RandomAffine
from medgantry.augmentation.batch_transforms import BatchTransforms
from medgantry.augmentation.blur import RandomGaussianBlur
from medgantry.augmentation.contrast import RandomContrast
from medgantry.augmentation.flip import RandomFlip
from medgantry.augmentation.gamma import RandomGamma
from medgantry.augmentation.intensity import RandomScaleIntensity, RandomShiftIntensity
from medgantry.augmentation.low_resolution import RandomLowResolution
from medgantry.augmentation.noise import RandomGaussianNoise
from medgantry.augmentation.random_transform import RandomTransform

__all__ = [
    "BatchTransforms",
    "RandomAffine",
    "RandomContrast",
    "RandomFlip",
    "RandomGamma",
    "RandomGaussianBlur",
    "RandomGaussianNoise",
    "RandomLowResolution",
    "RandomScaleIntensity",
    "RandomShiftIntensity",
    "RandomTransform",
]
