"""The two file formats of a network that PyTorch runs without the Python code it was written in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

Inputs = tuple[torch.Tensor, ...]
"""Positional arguments of a module."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a module is written and read."""

    name: str
    file: str
    write: Callable[[torch.nn.Module, Sequence[Inputs], Path], None]
    """Write a module that was given several inputs; the axes in which these differ stay free."""
    read: Callable[[Path], Callable[..., Any]]


def _write_torchscript(module: torch.nn.Module, samples: Sequence[Inputs], path: Path) -> None:
    # Traced, not scripted: many of MONAI's networks cannot be. What a trace leaves out, the other samples show.
    torch.jit.save(torch.jit.trace(module, samples[0], check_trace=False), path)  # type: ignore[no-untyped-call]


def _read_torchscript(path: Path) -> Callable[..., Any]:
    loaded: Callable[..., Any] = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    return loaded


def _write_exported(module: torch.nn.Module, samples: Sequence[Inputs], path: Path) -> None:
    free = tuple(
        {
            axis: Dim.AUTO
            for axis, sizes in enumerate(zip(*(each.shape for each in same), strict=True))
            if len({*sizes}) > 1
        }
        for same in zip(*samples, strict=True)
    )
    torch.export.save(torch.export.export(module, samples[0], dynamic_shapes=free), path)


def _read_exported(path: Path) -> Callable[..., Any]:
    return torch.export.load(path).module()


FORMATS = (
    Format(name="TorchScript", file="model.ts", write=_write_torchscript, read=_read_torchscript),
    Format(name="torch.export", file="model.pt2", write=_write_exported, read=_read_exported),
)
