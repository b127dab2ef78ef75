"""The input that a bundle declares for its network, and tensors of such shapes.

Source of `spatial_shape`: MONAI Bundle specification, https://docs.monai.io/en/stable/mb_specification.html: a size,
`*` for any, or an expression in p and n, such as `2**p*n`.
"""

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.config_ids import look_up
from medgantry.errors import InvalidBundle

LEAST = 32
"""Smallest side that is tried of an axis of free size."""
_ANY = "32*n"
"""Tried of an axis of any size: what networks with five levels take."""
_POWER = 5
"""Value of p: that of networks with five levels."""
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True, kw_only=True)
class DeclaredInput:
    """What `network_data_format` says of the network's one input."""

    name: str
    channels: int
    spatial_shape: Sequence[int | str]
    """A size, or an expression, per axis."""

    @classmethod
    def of(cls, bundle: Bundle) -> "DeclaredInput":
        """Of a bundle.

        Raises:
            InvalidBundle: If the network has several inputs, or one that is not described or not float32.
        """
        inputs = look_up(bundle.metadata, "network_data_format#inputs") or {}
        if len(inputs) != 1:
            raise InvalidBundle(f"A network of one input can be exported; found {sorted(inputs)}.")
        name, said = next(iter(inputs.items()))
        if said.get("dtype", "float32") != "float32" or not isinstance(said.get("num_channels"), int):
            raise InvalidBundle(
                f"The input {name!r} must have num_channels and dtype float32, found {said.get('num_channels')!r} and "
                f"{said.get('dtype')!r}.",
                "Complete network_data_format of metadata.json.",
            )
        made = cls(name=name, channels=said["num_channels"], spatial_shape=said.get("spatial_shape", ()))
        made._sides(0)
        return made

    @property
    def shape(self) -> list[int | str]:
        """Axes in words: `batch`, channels, and what is declared of each spatial axis."""
        return ["batch", self.channels, *self.spatial_shape]

    def samples(self) -> list[torch.Tensor]:
        """Inputs of every kind that is declared, float32: two of one shape, one alone, and one of other sides.

        Returns:
            Shapes (batch, C, ...); the axes in which they differ are free.
        """
        generator = torch.Generator().manual_seed(0)
        first, other = self._sides(0), self._sides(1)
        shapes = [(2, first), (2, first), (1, first), *([(1, other)] if other != first else [])]
        drawn = [torch.randn(batch, self.channels, *sides, generator=generator) for batch, sides in shapes]
        return [scale * noise for scale, noise in zip((1, 5, 1, 1), drawn, strict=False)]

    def _sides(self, further: int) -> list[int]:
        """The smallest sides that are tried, or further ones, on each axis another."""
        if not self.spatial_shape:
            raise InvalidBundle(
                f"The input {self.name!r} must have a spatial_shape.", "Declare it in metadata.json."
            )
        return [_side(size, further * (axis + 1)) for axis, size in enumerate(self.spatial_shape)]


def _side(declared: int | str, further: int) -> int:
    if isinstance(declared, int):
        return declared
    expression = _ANY if declared.strip() == "*" else declared
    try:
        tree = ast.parse(expression, mode="eval").body
        fitting = [side for n in range(2, 2 * LEAST) if (side := _value(tree, n)) >= LEAST]
    except (SyntaxError, KeyError, TypeError) as error:
        raise InvalidBundle(
            f"spatial_shape must hold sizes, '*' or expressions in p and n, found {declared!r}."
        ) from error
    return fitting[min(further, len(fitting) - 1)] if fitting else _value(tree, 1)


def _value(node: Any, n: int) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return {"n": n, "p": _POWER}[name]
        case ast.BinOp(left=left, op=how, right=right):
            return _OPERATORS[type(how)](_value(left, n), _value(right, n))
    raise TypeError(f"{ast.dump(node)} is no size")
