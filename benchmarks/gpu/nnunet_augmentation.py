"""nnU-Net's augmentation in our transforms and in MONAI's, with the same probabilities and ranges.

Source: Isensee et al., Nature Methods 2021, supplementary note 2, and nnU-Net 2's defaults for volumes.
"""

from math import pi

from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandSimulateLowResolutiond,
)

from medgantry.augmentation import (
    BatchTransforms,
    RandomAffine,
    RandomContrast,
    RandomFlip,
    RandomGamma,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomLowResolution,
    RandomScaleIntensity,
)

BOTH = ("image", "label")
ANGLE = 30 / 180 * pi
SPATIAL = 0.36
"""Share with a rotation (0.2) or a zoom (0.2): here both are one resampling."""


def our_transforms() -> BatchTransforms:
    """For a batch on its device."""
    image = "image"
    return BatchTransforms(
        [
            RandomAffine({"image": "bilinear", "label": "nearest"}, SPATIAL, [ANGLE] * 3, [0.7, 1.4]),
            RandomGaussianNoise(image, 0.1, [0.0, 0.1]),
            RandomGaussianBlur(image, 0.2, [0.5, 1.0]),
            RandomScaleIntensity(image, 0.15, [-0.25, 0.25]),
            RandomContrast(image, 0.15, [0.75, 1.25]),
            RandomLowResolution(image, 0.25, [0.5, 1.0]),
            RandomGamma(image, 0.1, [0.7, 1.5], invert_image=True, retain_stats=True),
            RandomGamma(image, 0.3, [0.7, 1.5], retain_stats=True),
            *(RandomFlip(BOTH, 0.5, axis) for axis in range(3)),
        ]
    )


def monai_transforms() -> Compose:
    """For one sample on the CPU; a second scaling stands for contrast, which MONAI lacks."""
    image = "image"
    return Compose(
        [
            RandAffined(
                BOTH,
                prob=SPATIAL,
                rotate_range=[ANGLE] * 3,
                scale_range=(-0.3, 0.4),
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            RandGaussianNoised(image, prob=0.1, std=0.1),
            RandGaussianSmoothd(image, prob=0.2, sigma_x=(0.5, 1), sigma_y=(0.5, 1), sigma_z=(0.5, 1)),
            RandScaleIntensityd(image, prob=0.15, factors=0.25),
            RandScaleIntensityd(image, prob=0.15, factors=0.25),
            RandSimulateLowResolutiond(image, prob=0.25, zoom_range=(0.5, 1.0)),
            RandAdjustContrastd(image, prob=0.1, gamma=(0.7, 1.5), invert_image=True, retain_stats=True),
            RandAdjustContrastd(image, prob=0.3, gamma=(0.7, 1.5), retain_stats=True),
            *(RandFlipd(BOTH, prob=0.5, spatial_axis=axis) for axis in range(3)),
        ]
    )
