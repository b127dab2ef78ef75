"""Turning, resampling and cropping in one pass: only what the crop keeps is ever computed."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import monai.transforms
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform

from medgantry.errors import InvalidInput
from medgantry.transforms.separable import Line, lines_between, resample
from medgantry.transforms.spacing import Plan, Spacingd, with_resampler

TURNS = (monai.transforms.Orientationd,)
CROPS = (monai.transforms.CenterSpatialCropd, monai.transforms.SpatialCropd)


class FusedSpacingd(MapTransform, InvertibleTransform):  # type: ignore[misc]
    """The result of `Orientationd`, `Spacingd` and crops of a known place, one after another, in one pass.

    A flip and a crop are only other places to take voxels from. The transforms themselves say which, applied to a
    tensor of no channels; so metadata and trace are MONAI's. Grids on which our `Spacingd` leaves the work to MONAI are
    treated one transform after another.

    Args:
        transforms: Our `Spacingd`, before it `Orientationd`, after it `CenterSpatialCropd` or `SpatialCropd`, all of
            the same keys.

    Raises:
        InvalidInput: If the transforms are others.
    """

    def __init__(self, transforms: Sequence[MapTransform]) -> None:
        found = [type(transform).__name__ for transform in transforms]
        places = [place for place, transform in enumerate(transforms) if type(transform) is Spacingd]
        if (
            len(places) != 1
            or not all(type(transform) in TURNS for transform in transforms[: places[0]])
            or not all(type(transform) in CROPS for transform in transforms[places[0] + 1 :])
            or any(transform.keys != transforms[0].keys for transform in transforms)
            or any(transform.allow_missing_keys or transform.lazy for transform in transforms)
        ):
            raise InvalidInput(
                "Wanted Orientationd, medgantry.transforms.Spacingd and a centre or fixed crop with the same keys, "
                f"none lazy or with missing keys allowed; found {found}.",
                "Leave what is different outside.",
            )
        super().__init__(transforms[0].keys)
        self.transforms = list(transforms)
        self._place = places[0]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Transform every key, (C, i, j, k) each."""
        result = dict(data)
        if not all(_is_volume(data[key]) for key in self.keys):
            return self._one_by_one(result)
        sources = {key: data[key] for key in self.keys}
        stand_ins = {key: source[:0] for key, source in sources.items()}
        turned = self._apply(self.transforms[: self._place], result | stand_ins)
        spacing, planner = _planned(self.transforms[self._place])
        resampled = spacing(turned)
        plans = [plan for plan in planner.plans if plan is not None]
        if len(plans) < len(self.keys):
            return self._one_by_one(result)
        cropped = self._apply(self.transforms[self._place + 1 :], resampled)
        for key, plan in zip(self.keys, plans, strict=True):
            turn = _lines_between(turned[key], sources[key])
            crop = _lines_between(cropped[key], resampled[key])
            kept = [plan.lines[cut.axis][cut.lower] for cut in crop]
            lines = [line.through(turn[line.axis]) for line in kept]
            values = resample(sources[key].as_tensor(), lines)
            result[key] = MetaTensor(values).copy_meta_from(cropped[key])
        return result

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Undo all, the last first."""
        result = dict(data)
        for transform in reversed(self.transforms):
            result = transform.inverse(result)
        return result

    def _one_by_one(self, data: dict[Hashable, Any]) -> dict[Hashable, Any]:
        return self._apply(self.transforms, data)

    @staticmethod
    def _apply(transforms: Sequence[MapTransform], data: dict[Hashable, Any]) -> dict[Hashable, Any]:
        for transform in transforms:
            data = transform(data)
        return data


class _Planner:
    """Stands where `Spacing` has its resampler: keeps the plans of a call, and resamples nothing."""

    def __init__(self, resampler: Any) -> None:
        self._resampler = resampler
        self.plans: list[Plan | None] = []

    def __call__(self, img: MetaTensor, dst_affine: Any, spatial_size: Any, **settings: Any) -> MetaTensor:
        plan = self._resampler.plan(img, dst_affine, spatial_size, **settings)
        self.plans.append(plan)
        return (
            img if plan is None else plan.finish(torch.empty((0, *(len(line.lower) for line in plan.lines))))
        )


def _planned(spacing: Spacingd) -> tuple[Spacingd, _Planner]:
    planner = _Planner(spacing.spacing_transform.sp_resample)
    copied = Spacingd.like(spacing)
    copied.spacing_transform = with_resampler(spacing.spacing_transform, planner)
    return copied, planner


def _lines_between(after: MetaTensor, before: MetaTensor) -> Sequence[Line]:
    return lines_between(np.asarray(before.affine), np.asarray(after.affine), tuple(after.shape[1:]))


def _is_volume(value: Any) -> bool:
    return isinstance(value, MetaTensor) and value.ndim == 4 and not value.pending_operations
