"""MONAI's `Spacingd` where no axis is oblique: two taps along every axis instead of a dense grid."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

import monai.transforms
import numpy as np
import torch
from monai.config import USE_COMPILED
from monai.data import MetaTensor, get_track_meta
from monai.data.meta_obj import MetaObj
from monai.data.utils import AFFINE_TOL, to_affine_nd
from monai.transforms.inverse import TraceableTransform
from numpy.typing import NDArray

from medgantry.transforms.separable import Line, lines_of, resample

Affine = NDArray[np.float64]
MODES = ("bilinear", "nearest")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a resampling takes from where, and what the result says of itself."""

    lines: tuple[Line, ...]
    meta: MetaObj

    def finish(self, values: torch.Tensor) -> MetaTensor:
        """A tensor (C, i, j, k) with the metadata and trace of the resampling."""
        return MetaTensor(values).copy_meta_from(self.meta)


class SpatialResample(monai.transforms.SpatialResample):  # type: ignore[misc]
    """MONAI's `SpatialResample`; axis by axis where `plan` finds that it may."""

    @classmethod
    def like(cls, theirs: monai.transforms.SpatialResample) -> Self:
        """One with the settings of MONAI's."""
        ours = cls.__new__(cls)
        ours.__dict__.update(theirs.__dict__)
        return ours

    def __call__(self, img: Any, dst_affine: Any = None, spatial_size: Any = None, **settings: Any) -> Any:
        """Resample (C, i, j, k) to an affine and a shape."""
        plan = self.plan(img, dst_affine, spatial_size, **settings)
        if plan is None:
            return super().__call__(img, dst_affine, spatial_size, **settings)
        return plan.finish(resample(img.as_tensor(), plan.lines))

    def plan(
        self,
        img: Any,
        dst_affine: Any,
        spatial_size: Any,
        *,
        mode: Any = None,
        padding_mode: Any = None,
        align_corners: bool | None = None,
        dtype: Any = None,
        lazy: bool | None = None,
    ) -> Plan | None:
        """The same result by another way, or None for MONAI's.

        None for oblique grids (in voxel indices, any axis of one grid along two of the other, however little), other
        modes than bilinear and nearest, other padding than border, other arithmetic than float64, lazy resampling,
        grids that stay as they are, devices other than the CPU, and what has not three axes.
        """
        mode = _name(self.mode if mode is None else mode)
        padding = _name(self.padding_mode if padding_mode is None else padding_mode)
        corners = bool(self.align_corners if align_corners is None else align_corners)
        supported = mode in MODES and padding == "border" and is_double(dtype or self.dtype)
        eager = not (self.lazy if lazy is None else lazy)
        if (
            not supported
            or not eager
            or not _is_plain_volume(img)
            or spatial_size is None
            or dst_affine is None
        ):
            return None
        before = to_affine_nd(3, img.affine).to(torch.float64)
        after = torch.as_tensor(to_affine_nd(3, dst_affine), dtype=torch.float64)
        source, target = tuple(img.shape[1:]), tuple(int(size) for size in spatial_size)
        xform = np.linalg.solve(before.numpy(), after.numpy())
        if source == target and is_same_grid(before.numpy(), after.numpy()):
            return None
        lines = lines_of(xform, source, target, mode=mode, align_corners=corners)  # type: ignore[arg-type]
        if lines is None:
            return None
        extra = {
            "dtype": "float64",
            "mode": mode,
            "padding_mode": padding,
            "align_corners": corners,
            "src_affine": before,
        }
        meta = TraceableTransform.track_transform_meta(
            img,
            sp_size=target,
            affine=torch.from_numpy(xform),
            extra_info=extra,
            orig_size=source,
            transform_info=self.get_transform_info(),
            lazy=False,
        )
        return Plan(lines=lines, meta=meta)


class Spacingd(monai.transforms.Spacingd):  # type: ignore[misc]
    """MONAI's `Spacingd`, with the same arguments, around our `SpatialResample`.

    Values are computed in float64 as MONAI's and rounded to float32 once; where sums in another order round otherwise
    they differ by one last bit. Nearest neighbours, shape, affine, pixdim and the trace for the inverse are equal.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spacing_transform.sp_resample = SpatialResample.like(self.spacing_transform.sp_resample)

    @classmethod
    def like(cls, theirs: monai.transforms.Spacingd) -> Self:
        """One with the settings of MONAI's."""
        ours = cls.__new__(cls)
        ours.__dict__.update(theirs.__dict__)
        ours.spacing_transform = with_resampler(
            theirs.spacing_transform, SpatialResample.like(theirs.spacing_transform.sp_resample)
        )
        return ours


def with_resampler(spacing: monai.transforms.Spacing, resampler: Any) -> monai.transforms.Spacing:
    """A copy of MONAI's `Spacing` that leaves the resampling to another."""
    copied = monai.transforms.Spacing.__new__(type(spacing))
    copied.__dict__.update(spacing.__dict__)
    copied.sp_resample = resampler
    return copied


def is_double(dtype: Any) -> bool:
    """Whether MONAI's arithmetic is set to float64, in numpy's or torch's name."""
    if dtype is None or isinstance(dtype, torch.dtype):  # None is float64 to numpy, the image's own to MONAI
        return bool(dtype == torch.float64)
    return bool(np.dtype(dtype) == np.float64)


def is_same_grid(before: Affine, after: Affine) -> bool:
    """Whether MONAI leaves voxels as they are when the affine of one grid is to become the other's, their shapes equal."""
    return _close(before, after) or _close(np.linalg.solve(before, after).astype(np.float64), np.eye(4))


def _name(setting: Any) -> Any:
    return setting.value if isinstance(setting, Enum) else setting


def _close(one: Affine, other: Affine) -> bool:
    return bool(np.allclose(one, other, atol=AFFINE_TOL))


def _is_plain_volume(img: Any) -> bool:
    return (
        isinstance(img, MetaTensor)
        and img.ndim == 4
        and img.device.type == "cpu"
        and not img.is_complex()
        and img.dtype != torch.bfloat16  # numpy has none
        and not img.requires_grad
        and not img.pending_operations
        and get_track_meta()
        and not USE_COMPILED
        and tuple(img.affine.shape) == (4, 4)
    )
