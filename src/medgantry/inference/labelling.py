"""From probabilities on the network's grid to a label map on the source's."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.errors import InvalidBundle
from medgantry.inference.label_codes import as_bits
from medgantry.inference.label_map import most_probable, regions_to_labels
from medgantry.inference.postprocessing import Postprocessing
from medgantry.inference.source_grid import source_blocks
from medgantry.inference.uncertainty import predictive_entropy
from medgantry.stages import stage

Shape = tuple[int, int, int]
Labelled = tuple[NDArray[np.uint8], NDArray[np.float32] | None]
"""Label codes and, where asked for, the uncertainty; both (i, j, k)."""


class Labelling:
    """How a bundle's probabilities become label codes.

    Args:
        bundle: Its outputs name the channels.
        regions: Output -> label codes.
        postprocessing: The bundle's.
        bits: Whether the codes are `label_codes.as_bits`.
    """

    def __init__(
        self,
        bundle: Bundle,
        regions: Mapping[str, Sequence[int]],
        postprocessing: Postprocessing,
        *,
        bits: bool = False,
    ) -> None:
        self._channels, self._names = bundle.channels_out, bundle.outputs
        self._indices = [self._channels.index(name) for name in self._names]
        self._regions, self._postprocessing, self._bits = regions, postprocessing, bits

    @stage("inverse")
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
        labels = np.zeros(shape, dtype=np.uint8)
        entropy = np.zeros(shape, dtype=np.float32) if unsure else None
        network_affine = np.asarray(image.affine, dtype=np.float64)
        for place, found in source_blocks(probabilities.numpy(), network_affine, shape, affine):
            labels[place] = self._label_block(found)
            if entropy is not None:
                asked = found if self._postprocessing.exclusive else found[self._indices]
                entropy[place] = predictive_entropy(asked, exclusive=self._postprocessing.exclusive)
        return labels, entropy

    def _label_block(self, found: NDArray[np.float32]) -> NDArray[np.uint8]:
        if not self._postprocessing.exclusive:
            masks = found[self._indices] > self._postprocessing.threshold
            return self._encode(masks)
        best, greatest = most_probable(found)
        labels = np.take(self._code_of_class, best)
        labels[greatest <= 0] = 0  # beyond the network's grid there is no class
        return labels

    @cached_property
    def _code_of_class(self) -> NDArray[np.uint8]:
        classes = np.eye(len(self._channels), dtype=bool)[self._indices]
        return self._encode(classes)

    def _encode(self, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
        return as_bits(masks) if self._bits else regions_to_labels(masks, self._names, self._regions)

    def _own(self, probabilities: torch.Tensor, image: MetaTensor, shape: Shape, unsure: bool) -> Labelled:
        """As the bundle itself puts it back."""
        inverted, answer = self._postprocessing.finish(probabilities, image, keep=unsure)
        found = answer.numpy()
        if found.shape not in {(1, *shape), (len(self._channels), *shape)}:
            raise InvalidBundle(
                f"The bundle's post-processing must end in one channel, or one per output, on the source's grid {shape}; "
                f"found {found.shape}."
            )
        exclusive = self._postprocessing.exclusive
        entropy = None if inverted is None else predictive_entropy(inverted.numpy(), exclusive=exclusive)
        if len(found) == len(self._channels) and self._regions:
            return self._encode(found[self._indices] > 0), entropy
        return self._codes(found[0]), entropy

    def _codes(self, found: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Label codes that a bundle wrote itself: it knows no others than those it was trained with."""
        labels = found.astype(np.uint8, copy=False)
        # Where nobody says what the codes mean, none is strange.
        is_strange = np.full(256, bool(self._regions))
        is_strange[[0, *(code for name in self._names for code in self._regions.get(name, ()))]] = False
        # Plane by plane: as indices, bytes take eight times their memory.
        strange = sorted({code for plane in labels for code in plane[is_strange[plane]].tolist()})
        if strange or not (labels is found or np.array_equal(labels, found)):
            raise InvalidBundle(
                f"The bundle writes label codes {strange or 'that are no whole numbers'}, its regions are made of "
                f"{dict(self._regions)}.",
                "Use a cohort with the label codes of the bundle: its scripts and configs read and write them by number.",
            )
        return labels
