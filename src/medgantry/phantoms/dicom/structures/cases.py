"""Structure sets as writers make them, each with the verdict that an honest reader should come to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from medgantry.phantoms.dicom.anatomy import Ellipsoid, is_inside
from medgantry.phantoms.dicom.dirty.case import Verdict
from medgantry.phantoms.dicom.segmentation.spec import example_masks
from medgantry.phantoms.dicom.series import Mask, Series, make_series
from medgantry.phantoms.dicom.spec import CORONAL, SeriesSpec
from medgantry.phantoms.dicom.structures.writer import StructureSet, StructureSpec, make_structures

_MARGIN = 10
_AXIAL = SeriesSpec(slices=10)
CHAOTIC_NAMES = (
    "GTV-1", "gtv1 ", "GTV_1", "GTV-1", "Lung^L", "Lunge links (Tumör)", "zzz_old DO NOT USE", "*Skin", "",
)  # fmt: skip
"""Names of regions as they are met, with one of them twice and one empty."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureCase:
    """A series, a structure set of it, and what a reader should say.

    Attributes:
        name: Its key in STRUCTURES.
        why: One sentence.
        expected: "ok": the masks are the truth; "rejected": they cannot be trusted on this series.
        also_acceptable: Verdicts that cannot be called wrong.
        series: The source; its data sets are all that a reader gets.
        structures: The object and the truth.
    """

    name: str
    why: str
    expected: Verdict
    also_acceptable: frozenset[Verdict]
    series: Series
    structures: StructureSet


@dataclass(frozen=True)
class _Row:
    why: str
    spec: StructureSpec
    expected: Verdict = "ok"
    tolerant: bool = False  # the other verdict is no mistake either
    names: tuple[str, ...] = ("Liver", "Mass", "Ring")
    series: SeriesSpec = _AXIAL
    lost_slices: int = 0  # at the series' upper end, after the structure set was made


_S = StructureSpec

_ROWS: dict[str, _Row] = {
    "plain": _Row("Holes are contours of their own, to be combined by exclusive or.", _S()),
    "keyholes": _Row("Holes are joined to the outer contour by a channel without width.", _S(holes="keyhole")),
    "CLOSEDPLANAR_XOR": _Row("Contours with holes are of the type made for them.", _S(holes="closedplanar_xor")),
    "anticlockwise": _Row("The contours run the other way round.", _S(clockwise=False)),
    "keyholes, anticlockwise": _Row(
        "Keyholes that run the other way round.", _S(holes="keyhole", clockwise=False)
    ),
    "first point repeated": _Row("Every contour ends where it starts.", _S(closed=True)),
    "contours shuffled": _Row("The contours of a region come in any order.", _S(contours="shuffled")),
    "regions in two orders": _Row("Names and contours have different orders.", _S(reversed_regions=True)),
    "numbers with gaps": _Row("ROINumber is 7, 3 and 40.", _S(numbers=(7, 3, 40))),
    "with a point": _Row("One more region is a single point: it has no volume.", _S(with_point=True)),
    "region without contours": _Row("One more region has a name only.", _S(with_empty=True)),
    "off by 0.01 mm": _Row("All planes are off by 0.01 mm.", _S(plane_offset_mm=0.01)),
    "off by half a slice": _Row(
        "All planes lie halfway between two slices.", _S(plane_offset_mm=1.25), "rejected"
    ),
    "contours without images": _Row("No contour names its image.", _S(without_contour_images=True)),
    "names in chaos": _Row(
        "One name stands for two regions, another differs by a blank, and one is empty.", _S(),
        names=CHAOTIC_NAMES,
    ),
    "other frame of reference": _Row(
        "All points are in another coordinate system.", _S(other_frame_of_reference=True), "rejected"
    ),
    "outside the field of view": _Row(
        "One region leaves the image at its side: what lies inside is the truth.", _S(margin=_MARGIN),
        tolerant=True, names=("Liver", "Outside"),
    ),
    "coronal": _Row(
        "The slices, and so the contours, are coronal.", _S(),
        series=SeriesSpec(slices=10, orientation=CORONAL),
    ),
    "series lost slices": _Row(
        "Five slices at the series' end are gone, and contours lie there.", _S(), "rejected", lost_slices=5
    ),
}  # fmt: skip


def region_with_a_hole(series: Series) -> Mask:
    """Return a mask (slice, row, column) with two holes, one of them open to the corner of the other."""
    local = series.body.coordinates(series.spec.points_mm)
    outer = Ellipsoid(centre=(0.0, 0.1, -0.1), radii=(0.8, 0.7, 0.6))
    mask = is_inside(local, outer)
    for centre in ((0.1, 0.25, -0.2), (-0.1, -0.2, 0.1)):
        mask &= ~is_inside(local, Ellipsoid(centre=centre, radii=(0.5, 0.2, 0.2)))
    rows, columns = (side // 2 for side in mask.shape[1:])
    # Pixels that touch at corners only, the classical trap of outline tracers.
    mask[:, rows - 9 : rows - 5, columns + 8 : columns + 12] = np.eye(4, dtype=np.bool_)
    return mask


def _masks(series: Series, names: tuple[str, ...], margin: int) -> list[tuple[str, Mask]]:
    """Return named masks that fit the names."""
    masks = [*example_masks(series, overlapping=True).values(), region_with_a_hole(series)]
    plain = {"Liver": masks[0], "Mass": masks[1], "Ring": masks[3]}
    sides = ((0, 0), (margin, margin), (margin, margin))
    named = []
    for place, name in enumerate(names):
        mask = np.pad(plain.get(name, np.roll(masks[place % 3], place, axis=2)), sides)
        if name == "Outside":
            mask[2:7, margin + 5 : margin + 20, 3 : margin + 9] = True
            mask[2:7, margin + 9, 5 : margin + 4] = False
        named.append((name, mask))
    return named


def _make(name: str, row: _Row, seed: int) -> StructureCase:
    series = make_series(replace(row.series, seed=seed))
    masks = _masks(series, row.names, row.spec.margin)
    structures = make_structures(series, masks, replace(row.spec, seed=seed))
    if row.lost_slices:
        series = replace(series, datasets=series.datasets[: -row.lost_slices])
    others: frozenset[Verdict] = frozenset({"rejected"} if row.expected == "ok" else {"ok"})
    return StructureCase(
        name=name, why=row.why, expected=row.expected, also_acceptable=others if row.tolerant else frozenset(),
        series=series, structures=structures,
    )  # fmt: skip


def _maker(name: str, row: _Row) -> Callable[[int], StructureCase]:
    return lambda seed: _make(name, row, seed)


STRUCTURES: Mapping[str, Callable[[int], StructureCase]] = MappingProxyType(
    {name: _maker(name, row) for name, row in _ROWS.items()}
)
"""From a name to what makes the case from a seed."""
