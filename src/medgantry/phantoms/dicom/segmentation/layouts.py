"""All ways in which series and segmentation may be counted: their truth is the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from medgantry.phantoms.dicom.segmentation.spec import Segmentation, SegmentationSpec, example_masks
from medgantry.phantoms.dicom.segmentation.writer import make_segmentation
from medgantry.phantoms.dicom.series import Series, make_series
from medgantry.phantoms.dicom.spec import SeriesSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """One of the sixteen.

    Attributes:
        name: What is particular about it.
        series: The source.
        segmentation: Two segments of it.
    """

    name: str
    series: Series
    segmentation: Segmentation


def sixteen_layouts(seed: int = 0) -> Iterator[Layout]:
    """Yield InstanceNumber from 0 or 1, either way up, frames either way round, full or cropped.

    Args:
        seed: Decides the body, so that the voxels and masks of all sixteen are the same.
    """
    for start, bottom_up, frames, cropped in product(
        (0, 1), (True, False), ("forward", "reversed"), (False, True)
    ):
        series = make_series(
            SeriesSpec(seed=seed, slices=9, instance_number_start=start, bottom_up=bottom_up)
        )
        spec = SegmentationSpec(frames="forward" if frames == "forward" else "reversed", cropped=cropped)
        yield Layout(
            name=", ".join(
                (
                    f"from {start}",
                    "bottom up" if bottom_up else "top down",
                    f"frames {frames}",
                    "cropped" if cropped else "full",
                )
            ),
            series=series,
            segmentation=make_segmentation(series, example_masks(series), spec),
        )
