"""A bundle's own `Invertd`, with an `AsDiscreted` after it, in one pass and block by block: the same answer."""

from collections.abc import Callable, Hashable, Mapping
from itertools import groupby
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import AsDiscreted, Compose, Invertd, InvertibleTransform, NormalizeIntensityd
from numpy.typing import NDArray

from medgantry.inference.label_map import most_probable
from medgantry.inference.way_back import WayBack, find_way_back
from medgantry.transforms.flattened import flattened
from medgantry.transforms.replacement import replace_proved
from medgantry.transforms.separable import blocks

Answer = Callable[[NDArray[Any]], NDArray[Any]]
_OURS = ("monai.transforms.", "medgantry.transforms.")
_CODES = 256
"""Whole numbers that uint8 holds."""


def with_proved(preprocessing: Any, postprocessing: Any) -> Any:
    """A bundle's preprocessing with ours in the place of MONAI's transforms, which its `Invertd`s then undo.

    Normalisation stays MONAI's: ours adds up in another order, and a label may hang on the last digit of a mean.

    Args:
        preprocessing: MONAI's `Compose`; anything else, one that is lazy, and one that not every `Invertd` undoes is left.
        postprocessing: Its `Invertd`s are changed.
    """
    inverses = [item for item in flattened(postprocessing) if isinstance(item, Invertd)]
    if type(preprocessing) is not Compose or not _is_eager(preprocessing):
        return preprocessing
    if any(item.transform is not preprocessing for item in inverses):
        return preprocessing
    proved: list[Any] = []
    for normalises, run in groupby(
        flattened(preprocessing), lambda item: isinstance(item, NormalizeIntensityd)
    ):
        items = list(run)
        proved += items if normalises else replace_proved(items)[0]
    changed = Compose(proved)
    for item in inverses:
        item.transform = changed
    return changed


def _is_eager(transform: Any) -> bool:
    return not isinstance(transform, Compose) or (
        not transform.lazy and all(map(_is_eager, transform.transforms))
    )


class Discrete:
    """`AsDiscreted` of the most probable class or of a threshold, and nothing else.

    Args:
        theirs: MONAI's, for which `is_like` is true.
    """

    def __init__(self, theirs: AsDiscreted) -> None:
        self.keys = theirs.keys
        self._argmax, self._threshold = theirs.argmax[0], theirs.threshold[0]

    @staticmethod
    def is_like(transform: Any) -> bool:
        """Whether MONAI's transform does no more."""
        if type(transform) is not AsDiscreted or len(transform.keys) != 1:
            return False
        others = transform.to_onehot[0], transform.rounding[0], transform.converter.kwargs or None
        return others == (None, None, None) and bool(transform.argmax[0]) == (transform.threshold[0] is None)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """(C, i, j, k) becomes float32: one channel of class indices, or C of 0 and 1."""
        given = data[self.keys[0]]
        answer = torch.from_numpy(self.codes(torch.as_tensor(given).numpy()).astype(np.float32))
        meta = given.meta if isinstance(given, MetaTensor) else None
        return {**data, self.keys[0]: answer if meta is None else MetaTensor(answer, meta=meta)}

    def codes(self, found: NDArray[Any]) -> NDArray[Any]:
        """The same of plain voxels, as whole numbers."""
        return most_probable(found)[0][None] if self._argmax else found >= self._threshold


class PutBack:
    """`Invertd`, and `Discrete` where one follows.

    One line per axis of the source is computed, and of probabilities only a block at once; where `find_way_back` knows no
    way, MONAI's transform does the work.

    Args:
        invert: MONAI's.
        discrete: Of the same key; None for none.
        last: Whether nothing comes after, so that label codes may be uint8 instead of float32.
    """

    def __init__(self, invert: Invertd, discrete: Discrete | None, *, last: bool) -> None:
        self._invert, self._discrete, self._last = invert, discrete, last
        undone = [item for item in flattened(invert.transform) if isinstance(item, InvertibleTransform)]
        self._is_plain = (
            len(invert.keys) == 1
            and invert.post_func[0] is None
            and invert.device[0] is None
            and all(type(item).__module__.startswith(_OURS) for item in undone)
        )

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Both."""
        way = self._way(data)
        if way is None or self._discrete is None:
            return self.discretise(self.invert(data))
        return self._filled(data, way, self._discrete.codes, codes=True)

    def invert(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The first."""
        way, key = self._way(data), self._invert.keys[0]
        if way is None:
            return dict(self._invert(data))
        given = data[key].as_tensor()
        codes = given.to(torch.uint8)
        if self._discrete is None and (codes == given).all() and not any(line.weights for line in way.lines):
            return self._filled({**data, key: MetaTensor(codes)}, way, lambda found: found, codes=True)
        return self._filled(data, way, lambda found: found, codes=False)

    def discretise(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The second."""
        return dict(data) if self._discrete is None else self._discrete(data)

    def _way(self, data: Mapping[Hashable, Any]) -> WayBack | None:
        image, given = data[self._invert.orig_keys[0]], data[self._invert.keys[0]]
        fits = image.shape[1:] == given.shape[1:] and given.dtype == torch.float32 and not given.is_cuda
        return (
            find_way_back(image, nearest=self._invert.nearest_interp[0]) if self._is_plain and fits else None
        )

    def _filled(
        self, data: Mapping[Hashable, Any], way: WayBack, answer_of: Answer, *, codes: bool
    ) -> dict[Hashable, Any]:
        """The answer for every block, put together on the source's grid."""
        image, key = data[self._invert.orig_keys[0]], self._invert.keys[0]
        given = data[key].as_tensor()
        shape = [len(line.lower) for line in way.lines]
        answer: NDArray[Any] | None = None
        for place, block in blocks(given, way.lines):
            found = answer_of(block.numpy())
            if answer is None:
                small = codes and self._last and len(given) <= _CODES
                answer = np.empty((len(found), *shape), np.uint8 if small else np.float32)
            answer[(slice(None), *place)] = found
        assert answer is not None
        meta = {**image.meta, "affine": torch.from_numpy(way.affine)}
        return {**data, key: MetaTensor(torch.from_numpy(answer), meta=meta)}
