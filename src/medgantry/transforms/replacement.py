"""A foreign bundle's MONAI transforms, replaced where ours are proved to give the same result."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import monai.transforms

from medgantry.transforms.fused import CROPS, TURNS, FusedSpacingd
from medgantry.transforms.intensity import NormalizeIntensityd
from medgantry.transforms.loading import LoadImaged
from medgantry.transforms.spacing import MODES, Spacingd, is_double


def replace_proved(transforms: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Put ours in the place of `LoadImaged`, `Spacingd`, `NormalizeIntensityd`; fuse what stands around a `Spacingd`.

    Only MONAI's own classes (not what is derived from them) with the settings that the tests compare: `LoadImaged` of
    float32 with MONAI's plain reader of NIfTI, eager `Spacingd` in float64, bilinear or nearest, with border
    padding; `NormalizeIntensityd` of what is not 0 by its own mean and deviation; a run of `Orientationd`, `Spacingd`
    and crops of a known place with the same keys becomes one pass.

    Args:
        transforms: Instances, a bundle's deterministic part.

    Returns:
        The new list, and a line for each replacement.
    """
    replaced: list[Any] = []
    said: list[str] = []
    for transform in transforms:
        ours = _ours(transform)
        if ours is not transform:
            said.append(f"{type(transform).__name__} of {_keys(transform)}")
        replaced.append(ours)
    return _fuse(replaced, said), said


def _ours(transform: Any) -> Any:
    if type(transform) is monai.transforms.LoadImaged:
        loader = LoadImaged.like(transform)
        return loader if loader._loader.is_plain else transform
    if type(transform) is monai.transforms.Spacingd and _is_proved(transform):
        return Spacingd.like(transform)
    if type(transform) is monai.transforms.NormalizeIntensityd:
        normalizer = NormalizeIntensityd.like(transform)
        return normalizer if normalizer.normalizer.is_plain else transform
    return transform


def _is_proved(spacing: monai.transforms.Spacingd) -> bool:
    return bool(
        all(mode in MODES for mode in spacing.mode)
        and all(padding == "border" for padding in spacing.padding_mode)
        and all(is_double(dtype) for dtype in spacing.dtype)
        and not any(spacing.scale_extent)
        and not spacing.lazy
        and not spacing.spacing_transform.recompute_affine
    )


def _fuse(transforms: list[Any], said: list[str]) -> list[Any]:
    for place, spacing in enumerate(transforms):
        if type(spacing) is not Spacingd or spacing.allow_missing_keys:
            continue

        def fits(classes: tuple[type, ...], like: Spacingd = spacing) -> Callable[[Any], bool]:
            return lambda transform: (
                type(transform) in classes
                and transform.keys == like.keys
                and not transform.allow_missing_keys
                and not transform.lazy
            )

        before = list(takewhile(fits(TURNS), reversed(transforms[:place])))
        after = list(takewhile(fits(CROPS), transforms[place + 1 :]))
        if not before and not after:
            continue
        run = [*reversed(before), spacing, *after]
        said.append(f"{', '.join(type(part).__name__ for part in run)} of {_keys(spacing)} in one pass")
        head, tail = transforms[: place - len(before)], transforms[place + 1 + len(after) :]
        return [*head, FusedSpacingd(run), *_fuse(tail, said)]
    return transforms


def _keys(transform: Any) -> str:
    return ", ".join(map(str, transform.keys))
