"""What a bundle does with its network's output, taken apart.

A bundle that puts its answer back itself (`Invertd`, as those of MONAI's Model Zoo do) is left to do so. For the others we
do it, from the affines: docs/decisions/0005.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import Activationsd, AsDiscreted, Compose, Invertd, SaveClassificationd, SaveImaged

from medgantry.errors import InvalidBundle
from medgantry.inference.put_back import Discrete, PutBack
from medgantry.stages import stage
from medgantry.transforms.flattened import flattened

PRED = "pred"


@dataclass(frozen=True, kw_only=True)
class Postprocessing:
    """A bundle's post-processing without its savers."""

    activations: Sequence[Any]
    """The transforms that make probabilities of the network's output: those before anything else."""
    own: Sequence[Any]
    """The others, where the bundle puts its answer back itself; otherwise none."""
    exclusive: bool
    """Whether the outputs are classes, of which a voxel gets the most probable one, and not regions."""
    threshold: float = 0.5
    """Of regions' probabilities, where the bundle does not put its answer back itself."""

    @stage("inverse")
    def activate(self, output: torch.Tensor) -> torch.Tensor:
        """Probabilities of a network's output; both (C, ...)."""
        data: Any = {PRED: output}
        for transform in self.activations:
            data = transform(data)
        return torch.as_tensor(data[PRED])

    def finish(
        self, probabilities: torch.Tensor, image: MetaTensor, *, keep: bool
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Do the rest as the bundle does it.

        Args:
            probabilities: (C, x, y, z), on the grid of the image.
            image: As the bundle's preprocessing made it, with its trace.
            keep: Whether the probabilities are wanted too.

        Returns:
            The probabilities after `Invertd`, (C, i, j, k), if wanted; and the bundle's answer.
        """
        data: Any = {"image": image, PRED: MetaTensor(probabilities, meta=dict(image.meta))}
        inverted: torch.Tensor | None = None
        for transform in self.own:
            if keep and isinstance(transform, PutBack):
                data = transform.invert(data)
                inverted = torch.as_tensor(data[PRED])
                data = transform.discretise(data)
            else:
                data = transform(data)
        return inverted, torch.as_tensor(data[PRED])


def take_apart(postprocessing: Compose) -> Postprocessing:
    """Take a segmentation's post-processing apart.

    Raises:
        InvalidBundle: If it neither inverts by itself nor is of the few transforms that we put in their places.
    """
    transforms = [item for item in flattened(postprocessing) if not isinstance(item, SaveImaged)]
    activations: list[Any] = []
    while transforms and isinstance(transforms[0], Activationsd):
        activations.append(transforms.pop(0))
    if any(isinstance(item, Invertd) for item in transforms):
        argmax = any(isinstance(item, AsDiscreted) and item.argmax[0] for item in transforms)
        return Postprocessing(activations=activations, own=_in_one_pass(transforms), exclusive=argmax)
    for item in transforms:
        if not isinstance(item, AsDiscreted):
            raise InvalidBundle(
                f"Post-processing with {type(item).__name__} and without Invertd is not supported.",
                "Use Activationsd and AsDiscreted, or Invertd as the bundles of MONAI's Model Zoo do.",
            )
    if len(transforms) != 1:
        raise InvalidBundle(
            f"Post-processing must hold one AsDiscreted after Activationsd, found {len(transforms)}."
        )
    discrete = transforms[0]
    if discrete.argmax[0]:
        return Postprocessing(activations=activations, own=[], exclusive=True)
    if discrete.threshold[0] is None:
        raise InvalidBundle("Post-processing must hold AsDiscreted with a threshold or with argmax.")
    threshold = float(discrete.threshold[0])
    return Postprocessing(activations=activations, own=[], exclusive=False, threshold=threshold)


def _in_one_pass(transforms: Sequence[Any]) -> list[Any]:
    """The same in less time: every `Invertd` with an `AsDiscreted` right after it in one, and `AsDiscreted` itself."""
    found: list[Any] = []
    rest = list(transforms)
    while rest:
        transform = rest.pop(0)
        if isinstance(transform, Invertd):
            follows = rest and Discrete.is_like(rest[0]) and rest[0].keys == transform.keys
            discrete = Discrete(rest.pop(0)) if follows else None
            found.append(PutBack(transform, discrete, last=not rest))
        else:
            found.append(Discrete(transform) if Discrete.is_like(transform) else transform)
    return found


def scores_only(postprocessing: Compose) -> Compose:
    """A classification's post-processing up to its probabilities: neither discrete nor saved."""
    others = (AsDiscreted, SaveImaged, SaveClassificationd)
    return Compose([item for item in flattened(postprocessing) if not isinstance(item, others)])
