"""`BatchTransforms`: random transforms one after the other, each sample from its own seed."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from medgantry.augmentation.random_transform import Parameters, RandomTransform
from medgantry.errors import InvalidBundle, Mismatch


class BatchTransforms:
    """Random transforms of a batch, on its device.

    Which samples a transform changes is known on the host before anything runs: the others cost nothing, and the host
    never waits for the device.

    Args:
        transforms: In the order in which they are applied.
    """

    def __init__(self, transforms: Sequence[RandomTransform]) -> None:
        strangers = [type(t).__name__ for t in transforms if not isinstance(t, RandomTransform)]
        if strangers:
            raise InvalidBundle(
                f"train#batch_transforms holds {', '.join(strangers)}, which take one sample at a time.",
                "Take transforms of medgantry.augmentation there, and leave others in train#random_transforms.",
            )
        self.transforms = tuple(transforms)

    def __call__(self, batch: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
        """The transformed batch; the one given stays as it is.

        Args:
            batch: Tensors (B, C, i, j, k) or (B, C, i, j); images in floating point.
            seeds: One per sample, in the batch's order: a function of seed, epoch, case and crop.

        Raises:
            InvalidBundle: If the batch lacks a key that a transform names.
            Mismatch: If there are not as many seeds as samples.
        """
        out, ours = dict(batch), set[str]()
        drawn = [self._draw(seed) for seed in seeds]
        for position, transform in enumerate(self.transforms):
            chosen = {row: found for row, draws in enumerate(drawn) if (found := draws[position]) is not None}
            for key in transform.keys:
                tensor = _tensor(out, key, transform, len(seeds))
                if chosen:
                    out[key] = _changed(transform, key, tensor, chosen, in_place=key in ours)
                    ours.add(key)
        return out

    def trace(self, seed: int) -> list[dict[str, Any]]:
        """What is drawn for the sample of a seed: per transform its name, whether it is applied, and with what."""
        return [
            {
                "transform": type(transform).__name__,
                "applied": parameters is not None,
                "parameters": {name: value.tolist() for name, value in (parameters or {}).items()},
            }
            for transform, parameters in zip(self.transforms, self._draw(seed), strict=True)
        ]

    def _draw(self, seed: int) -> list[Parameters | None]:
        generator = torch.Generator().manual_seed(seed)
        return [transform.draw(generator) for transform in self.transforms]


def _tensor(batch: Mapping[str, Any], key: str, transform: RandomTransform, seeds: int) -> torch.Tensor:
    if key not in batch:
        raise InvalidBundle(
            f"{type(transform).__name__} changes {key!r}, and the batch holds {', '.join(sorted(batch))}."
        )
    tensor: torch.Tensor = batch[key]
    if len(tensor) != seeds:
        raise Mismatch(f"The batch holds {len(tensor)} samples of {key!r}, and {seeds} seeds came with it.")
    return tensor


def _changed(
    transform: RandomTransform,
    key: str,
    tensor: torch.Tensor,
    chosen: Mapping[int, Parameters],
    *,
    in_place: bool,
) -> torch.Tensor:
    """The batch with the chosen rows transformed."""
    device = tensor.device
    # Without non_blocking a copy to a GPU waits until it has arrived there.
    stacked = {
        name: torch.stack([parameters[name] for parameters in chosen.values()]).to(device, non_blocking=True)
        for name in next(iter(chosen.values()))
    }
    if len(chosen) == len(tensor):
        return transform.apply(key, tensor, stacked)
    rows = torch.tensor(list(chosen)).to(device, non_blocking=True)
    made = transform.apply(key, tensor.index_select(0, rows), stacked)
    return tensor.index_copy_(0, rows, made) if in_place else tensor.index_copy(0, rows, made)
