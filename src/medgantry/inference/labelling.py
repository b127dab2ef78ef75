"""From probabilities on the network's grid to a label map on the source's."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle
from medgantry.inference.label_map import regions_to_labels
from medgantry.inference.postprocessing import Postprocessing
from medgantry.inference.source_grid import source_slabs, to_source_grid
from medgantry.inference.uncertainty import predictive_entropy

Shape = tuple[int, int, int]
Labelled = tuple[NDArray[np.uint8], NDArray[np.float32] | None]
"""Label codes and, where asked for, the uncertainty; both (i, j, k)."""


class Labelling:
    """How a bundle's probabilities become label codes.

    Args:
        bundle: Its outputs name the channels.
        regions: Output -> label codes.
        postprocessing: The bundle's.
    """

    def __init__(
        self, bundle: Bundle, regions: Mapping[str, Sequence[int]], postprocessing: Postprocessing
    ) -> None:
        self._channels, self._names = bundle.channels_out, bundle.outputs
        self._indices = [self._channels.index(name) for name in self._names]
        self._regions, self._postprocessing = regions, postprocessing

    def label(
        self,
        probabilities: torch.Tensor,
        image: MetaTensor,
        shape: Shape,
        affine: NDArray[np.float64],
        *,
        unsure: bool,
    ) -> Labelled:
        """Label every voxel of the source.

        Args:
            probabilities: (C, x, y, z), on the grid of the image.
            image: As the bundle's preprocessing made it.
            shape: (i, j, k), of the source.
            affine: Of the source, voxel index -> mm.
            unsure: Whether to say how sure it is.

        Raises:
            InvalidBundle: If the bundle's answer does not fit its metadata, or the source.
        """
        if len(probabilities) != len(self._channels):
            raise InvalidBundle(
                f"The network gave {len(probabilities)} channels, metadata names {self._channels}."
            )
        if self._postprocessing.own:
            return self._own(probabilities, image, shape, unsure)
        given = probabilities.numpy(), np.asarray(image.affine, dtype=np.float64), shape, affine
        if self._postprocessing.exclusive:
            return self._most_probable(*given, unsure)
        on_source = to_source_grid(*given)
        masks = on_source[self._indices] > self._postprocessing.threshold
        entropy = predictive_entropy(on_source[self._indices], exclusive=False) if unsure else None
        return regions_to_labels(masks, self._names, self._regions), entropy

    def _own(self, probabilities: torch.Tensor, image: MetaTensor, shape: Shape, unsure: bool) -> Labelled:
        """As the bundle itself puts it back."""
        inverted, answer = self._postprocessing.finish(probabilities, image)
        found = answer.numpy()
        if found.shape not in {(1, *shape), (len(self._channels), *shape)}:
            raise InvalidBundle(
                f"The bundle's post-processing must end in one channel, or one per output, on the source's grid {shape}; "
                f"found {found.shape}."
            )
        exclusive = self._postprocessing.exclusive
        entropy = predictive_entropy(inverted.numpy(), exclusive=exclusive) if unsure else None
        if len(found) == len(self._channels):
            return regions_to_labels(found[self._indices] > 0, self._names, self._regions), entropy
        return self._codes(found[0]), entropy

    def _codes(self, found: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Label codes that a bundle wrote itself: it knows no others than those it was trained with."""
        labels = found.astype(np.uint8)
        known = {0, *(code for name in self._names for code in self._regions[name])}
        strange = sorted(set(np.flatnonzero(np.bincount(labels.ravel())).tolist()) - known)
        if strange or not np.array_equal(labels, found):
            raise InvalidBundle(
                f"The bundle writes label codes {strange or 'that are no whole numbers'}, its regions are made of "
                f"{dict(self._regions)}.",
                "Use a cohort with the label codes of the bundle: its scripts and configs read and write them by number.",
            )
        return labels

    def _most_probable(
        self,
        probabilities: NDArray[np.float32],
        affine: NDArray[np.float64],
        shape: Shape,
        source_affine: NDArray[np.float64],
        unsure: bool,
    ) -> Labelled:
        """The most probable class of each voxel, slab by slab: all classes of a source volume may not fit into memory."""
        labels = np.zeros(shape, dtype=np.uint8)
        entropy = np.zeros(shape, dtype=np.float32) if unsure else None
        for slab, found in source_slabs(probabilities, affine, shape, source_affine):
            best = found.argmax(axis=0)
            inside = found.max(axis=0) > 0  # beyond the network's grid there is no class
            masks = np.stack([(best == index) & inside for index in self._indices])
            labels[..., slab] = regions_to_labels(masks, self._names, self._regions)
            if entropy is not None:
                entropy[..., slab] = predictive_entropy(found, exclusive=True)
        return labels, entropy
