"""The proof that a file gives what the network gives, and the search for the module of which it does not."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from medgantry.bundles.exported.formats import Format, Inputs
from medgantry.errors import InvalidBundle

TOLERANCE = 1e-4
"""Largest absolute difference of two outputs that count as equal."""


def write_proved(
    network: torch.nn.Module, samples: Sequence[Inputs], form: Format, folder: Path
) -> list[float]:
    """Write a network and compare what lies in the file with it.

    Args:
        network: In eval mode.
        samples: Inputs; the axes in which they differ stay free.
        form: The format.
        folder: Where its file goes.

    Returns:
        The largest absolute difference of the outputs of each sample.

    Raises:
        InvalidBundle: If it cannot be written or is not equal, naming the smallest module of which that is so.
    """
    try:
        return _differences(network, samples, form, folder)
    except Exception as error:  # whatever PyTorch raises of a network that it cannot take
        raise InvalidBundle(
            f"{_culprit(network, samples, form)} cannot be exported as {form.name}: {_first_line(error)}.",
            "Replace it in network_def, correct the declared input, or use the bundle itself.",
        ) from error


def _differences(
    module: torch.nn.Module, samples: Sequence[Inputs], form: Format, folder: Path
) -> list[float]:
    path = folder / form.file
    with torch.no_grad():
        form.write(module, samples, path)
        loaded = form.read(path)
        found = []
        for inputs in samples:
            shapes = [tuple(each.shape) for each in inputs]
            wanted = _tensor(module(*inputs))
            try:
                got = _tensor(loaded(*inputs))
            except Exception as error:
                raise ValueError(f"an input of shape {shapes} fails: {_first_line(error)}") from error
            if got.shape != wanted.shape:
                raise ValueError(f"{tuple(wanted.shape)} of {shapes} became {tuple(got.shape)}")
            found.append(float((got - wanted).abs().max()))
            if not found[-1] <= TOLERANCE:
                raise ValueError(f"outputs of {shapes} differ by {found[-1]:.2g}, allowed is {TOLERANCE:g}")
    return found


def _tensor(output: Any) -> torch.Tensor:
    if not isinstance(output, torch.Tensor):
        raise TypeError(f"the output must be one tensor, found {type(output).__name__}")
    return output


def _culprit(network: torch.nn.Module, samples: Sequence[Inputs], form: Format) -> str:
    """The deepest module that fails by itself on what it is given within the network."""
    given = _given(network, samples)
    modules = dict(network.named_modules())
    with TemporaryDirectory(prefix="medgantry-export-") as name:
        for path in sorted(given, key=lambda found: -found.count(".")):
            try:
                _differences(modules[path], given[path], form, Path(name))
            except Exception:  # noqa: BLE001 the same that the whole network raised
                return f"Module {path!r} ({type(modules[path]).__name__})"
    return f"The network ({type(network).__name__})"


def _given(network: torch.nn.Module, samples: Sequence[Inputs]) -> dict[str, list[Inputs]]:
    """What each module inside is given first with each sample; modules that take more than tensors are left out."""
    given: dict[str, list[Inputs]] = {}
    seen: dict[str, Inputs] = {}

    def hook(name: str) -> Any:
        return lambda module, inputs: seen.setdefault(name, inputs) and None

    hooks = [module.register_forward_pre_hook(hook(name)) for name, module in network.named_modules() if name]
    try:
        with torch.no_grad():
            for inputs in samples:
                seen.clear()
                network(*inputs)
                for name, got in seen.items():
                    given.setdefault(name, []).append(got)
    finally:
        for each in hooks:
            each.remove()
    return {
        name: each
        for name, each in given.items()
        if len(each) == len(samples)
        and all(isinstance(value, torch.Tensor) for inputs in each for value in inputs)
    }


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}".rstrip(".")[:400] if lines else type(error).__name__
