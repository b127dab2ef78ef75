"""The label map of one series: which mask objects belong to it, which of their structures are wanted, and the paint."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.dicom.segmentation import Segmentation
from medgantry.dicom.structure_set import StructureSet
from medgantry.dicom.structures import Masks
from medgantry.dicom.volume import Volume
from medgantry.ledger import Unusable

_READERS: Mapping[str, Callable[[Path], Masks]] = {"SEG": Segmentation, "RTSTRUCT": StructureSet}


@dataclass(frozen=True, kw_only=True)
class MaskObject:
    """One SEG or RTSTRUCT of a study."""

    item: str
    """What the ledger calls it."""
    modality: str
    path: Path
    masks: Masks


@dataclass(frozen=True, kw_only=True)
class Labels:
    """A painted label map."""

    codes: NDArray[Any]
    """(slice, row, column): bits of the labels that cover a voxel."""
    evidence: str
    """The proof of alignment, of each object."""
    used: Sequence[MaskObject]


def read_masks(path: Path, modality: str, item: str) -> MaskObject:
    """Open a mask object.

    Raises:
        Unusable: If it cannot be read.
    """
    return MaskObject(item=item, modality=modality, path=path, masks=_READERS[modality](path))


def refers_to(found: MaskObject, series_uid: str, instances: frozenset[str]) -> bool:
    """Whether an object was drawn on a series.

    The slices that it refers to decide, then the series that it names: writers get the latter wrong.
    """
    slices = set(found.masks.referenced_instances)
    if slices:
        return not slices.isdisjoint(instances)
    return series_uid in found.masks.referenced_series


def paint_labels(objects: Sequence[MaskObject], volume: Volume, labels: Mapping[str, str]) -> Labels | None:
    """Paint all labels that the objects hold; None when they hold none that is wanted.

    Raises:
        Unusable: If a mask does not provably fit, or two objects offer the same label.
    """
    wanted: dict[int, dict[int, int]] = defaultdict(dict)
    offered: dict[str, set[int]] = defaultdict(set)
    for index, found in enumerate(objects):
        for structure in found.masks.structures:
            for place, (label, pattern) in enumerate(labels.items()):
                if any(re.search(pattern, word, re.IGNORECASE) for word in structure.words):
                    wanted[index][structure.number] = wanted[index].get(structure.number, 0) | 1 << place
                    offered[label].add(index)
    several = sorted(label for label, places in offered.items() if len(places) > 1)
    if several:
        raise Unusable(
            "a label comes from one object",
            f"{several} from {max(len(offered[label]) for label in several)} objects",
            "Say in `select` which: masks matches their SeriesDescription.",
        )
    if not wanted:
        return None
    codes = np.zeros(volume.grid.shape, np.uint16)
    proofs = []
    for index, numbers in sorted(wanted.items()):
        proof = objects[index].masks.paint(numbers, volume, codes)
        proofs.append(f"{objects[index].modality} {objects[index].item}: {proof}")
    if codes.max() < 256:
        codes = codes.astype(np.uint8)
    return Labels(codes=codes, evidence="; ".join(proofs), used=[objects[index] for index in sorted(wanted)])


def label_names(code: int, labels: Sequence[str]) -> str:
    """The name of a code: its labels, joined by + where several overlap."""
    return "+".join(label for place, label in enumerate(labels) if code >> place & 1) or "background"
