"""What every reader gives: voxels and where they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume in memory."""

    voxels: NDArray[Any]
    """Three axes, or four with the channels last."""
    affine: NDArray[np.float64]
    """4x4, voxel index -> RAS+ mm."""


def no_companions(_name: str, _open_file: Callable[[], Path]) -> Sequence[str]:
    """For formats whose files stand alone."""
    return ()


@dataclass(frozen=True, kw_only=True)
class VolumeFormat:
    """How one format is read."""

    name: str
    """As the ledger calls it."""
    suffixes: Sequence[str]
    """With the dot, in lower case."""
    read: Callable[[Path], Volume]
    """Reads one file to its end.

    Raises `Unusable` for what is damaged; any other exception counts as unreadable."""
    companions: Callable[[str, Callable[[], Path]], Sequence[str]] = no_companions
    """Names of the files that must lie beside a file of this name, or may.

    The second argument fetches the file: it is called for small headers only."""
