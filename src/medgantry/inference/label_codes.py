"""Which label codes a bundle writes: those it was trained with, or those that follow from its configs alone."""

from collections.abc import Mapping

import numpy as np
from monai.transforms import Lambdad
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle
from medgantry.inference.postprocessing import Postprocessing

Regions = Mapping[str, list[int]]
_BITS = 8
"""Regions that a code of one byte can tell apart."""


def trained_codes(bundle: Bundle) -> Regions:
    """Output -> label codes of the cohort that the bundle was trained on.

    Raises:
        InvalidBundle: If it does not say.
    """
    provenance = bundle.provenance
    if "regions" not in provenance:
        raise InvalidBundle(
            f"{bundle.folder.name} does not say which labels its regions are made of.",
            "Train it here, or add label_map and regions to provenance.json.",
        )
    regions: Regions = provenance["regions"]
    return regions


def implied_codes(bundle: Bundle, postprocessing: Postprocessing) -> Regions:
    """Output -> label codes of a bundle that was trained elsewhere.

    Classes have their index, as `argmax` gives it. Regions that may overlap have a bit each, so that no overlap is lost: the code
    5 is the first and the third. A bundle with an expression of its own (`Lambdad`) writes codes that only its maker
    knows: no regions.

    Raises:
        InvalidBundle: If it has more regions than bits.
    """
    if postprocessing.exclusive:
        return {name: [bundle.channels_out.index(name)] for name in bundle.outputs}
    if any(isinstance(transform, Lambdad) for transform in postprocessing.own):
        return {}
    if len(bundle.outputs) > _BITS:
        raise InvalidBundle(
            f"At most {_BITS} regions that may overlap fit into a label map, found {len(bundle.outputs)}.",
            "Add label_map and regions to provenance.json.",
        )
    return {
        name: [code for code in range(1, 1 << len(bundle.outputs)) if code >> bit & 1]
        for bit, name in enumerate(bundle.outputs)
    }


def as_bits(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """One label code per voxel, whose bits are the regions.

    Args:
        masks: (R, i, j, k).
    """
    labels = np.zeros(masks.shape[1:], dtype=np.uint8)
    for bit, mask in enumerate(masks):
        labels |= mask.astype(np.uint8) << bit
    return labels


def codes_in(labels: NDArray[np.uint8]) -> dict[str, list[int]]:
    """A region for each code that a label map holds, where nobody says what they mean."""
    return {f"label {code}": [int(code)] for code in np.unique(labels) if code}
