"""Region masks and label maps: one says the other when regions nest or are apart."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidBundle


def regions_to_labels(
    masks: NDArray[np.bool_], names: Sequence[str], regions: Mapping[str, Sequence[int]]
) -> NDArray[np.uint8]:
    """One label code per voxel.

    Larger regions are painted first, each with the code that no region inside it has; an enhancing voxel thus
    counts as core and tumour too.

    Args:
        masks: (R, i, j, k).
        names: The regions, in the order of the masks.
        regions: Region name -> label codes.

    Raises:
        InvalidBundle: If a region has no code of its own.
    """
    labels = np.zeros(masks.shape[1:], dtype=np.uint8)
    ordered = sorted(names, key=lambda name: (-len(regions[name]), name))
    for name in ordered:
        inside = {
            code for other in names for code in regions[other] if set(regions[other]) < set(regions[name])
        }
        own = sorted(set(regions[name]) - inside)
        if not own:
            raise InvalidBundle(f"Region {name} has no label of its own among {dict(regions)}.")
        labels[masks[list(names).index(name)]] = own[0]
    return labels


def most_probable(
    probabilities: NDArray[np.float32],
) -> tuple[NDArray[np.unsignedinteger[Any]], NDArray[np.float32]]:
    """The class of each voxel, the first of several equal ones, and its probability; both (i, j, k).

    Args:
        probabilities: (C, i, j, k).
    """
    greatest = probabilities[0].copy(order="K")
    best = np.zeros_like(greatest, dtype=np.min_scalar_type(len(probabilities) - 1))
    for index, found in enumerate(probabilities[1:], 1):
        np.copyto(best, index, where=found > greatest)
        np.maximum(greatest, found, out=greatest)
    return best, greatest


def labels_to_region(labels: NDArray[np.generic], codes: Sequence[int]) -> NDArray[np.bool_]:
    """The mask of one region in a label map."""
    return np.isin(labels, list(codes))


def majority(
    votes: Sequence[NDArray[np.uint8]], names: Sequence[str], regions: Mapping[str, Sequence[int]]
) -> NDArray[np.uint8]:
    """The label map of the regions that more than half of the label maps agree on; regions that nest still do.

    Args:
        votes: Label maps (i, j, k).
        names: The regions.
        regions: Region name -> label codes.
    """
    masks = [
        2 * np.sum([labels_to_region(labels, regions[name]) for labels in votes], axis=0) > len(votes)
        for name in names
    ]
    return regions_to_labels(np.stack(masks), names, regions)
