"""Optimizers that update all weights in one kernel."""

import inspect
from collections.abc import Mapping
from pydoc import locate
from typing import Any


def with_fused(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle's `optimizer` config for a GPU: with `fused`, where the optimizer knows it and the bundle says nothing.

    The result is the same to rounding. An optimizer given as an expression stays as it is.

    Args:
        optimizer: `_target_` and arguments, as in a bundle's config.
    """
    target = optimizer.get("_target_")
    kind = locate(target) if isinstance(target, str) else None
    known = inspect.isclass(kind) and "fused" in inspect.signature(kind).parameters
    # torch refuses `fused` beside these.
    chosen = {"fused", "foreach", "differentiable"} & set(optimizer)
    return {**optimizer, "fused": True} if known and not chosen else dict(optimizer)
