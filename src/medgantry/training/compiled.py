"""Network and loss compiled by torch, where a bundle says `compile: true`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException

from medgantry.errors import InvalidBundle


def compile_in_place(network: torch.nn.Module, loss: Callable[..., Any]) -> None:
    """Compile for fixed shapes at the first call; modules and the names in their state stay the same.

    Do this before the network is wrapped for several ranks, and run it in `naming_compile_errors`.

    Args:
        network: Of a trainer.
        loss: Compiled too if it is a module; not torch's own ones, which are a kernel or two.

    Raises:
        InvalidBundle: If the network is a bare module of torch's own, such as `Sequential`.
    """
    # torch passes over the frames of its own modules: nothing would be compiled, without a word.
    if type(network).__module__.startswith("torch.nn."):
        raise InvalidBundle(
            f"The bundle asks for compile: true, and torch compiles no bare {type(network).__name__}.",
            "Make it a member of a module of your own, or set compile: false.",
        )
    network.compile(dynamic=False)
    if isinstance(loss, torch.nn.Module):
        loss.compile(dynamic=False)


@contextmanager
def naming_compile_errors() -> Iterator[None]:
    """Run what is compiled on its way.

    Raises:
        InvalidBundle: If it cannot be compiled, with torch's reason.
    """
    try:
        yield
    except TorchDynamoException as error:
        raise InvalidBundle(
            f"The bundle asks for compile: true, and torch cannot compile it: {str(error).splitlines()[0]}",
            "Set compile: false; the training is the same, only slower.",
        ) from error
