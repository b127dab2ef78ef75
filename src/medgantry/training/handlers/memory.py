"""Running out of memory, said in terms of what a person can change."""

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from medgantry.errors import MedgantryError

SETTINGS = ("batch_size", "samples_per_case", "patch_size", "precision")
"""What decides how much memory a step takes, in the order in which to change it."""
_WORDS = (
    "not enough memory",
    "can't allocate memory",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


class OutOfMemory(MedgantryError):
    """The device or the host has no memory left."""


@contextmanager
def naming_memory_settings(settings: Mapping[str, Any]) -> Iterator[None]:
    """Run a training, or a validation, whose lack of memory is reported with the settings to change.

    Args:
        settings: Names and values in force; those of `SETTINGS` are named.

    Raises:
        OutOfMemory: In place of torch's or Python's error.
    """
    try:
        yield
    except Exception as error:
        if not _is_lack_of_memory(error):
            raise
        there = [f"{name}={settings[name]}" for name in SETTINGS if name in settings]
        raise OutOfMemory(
            f"Training ran out of memory with {', '.join(there) or 'the settings of this bundle'}; {_peak()}. "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "Lower them in this order, by -p override='{...}'; on a GPU, -p train_options='{\"precision\": \"bf16\"}' "
            "takes about half of fp32.",
        ) from error


def _is_lack_of_memory(found: Exception) -> bool:
    error: BaseException | None = found
    while error is not None:  # MONAI and loaders wrap what a transform raised
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS):
            return True
        error = error.__cause__
    return False


def _peak() -> str:
    """Highest memory of this process."""
    host = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB on the host"  # KiB on Linux
    if not torch.cuda.is_available():
        return f"the peak was {host}"
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    peak = torch.cuda.max_memory_allocated()
    return f"the peak was {peak / 2**30:.1f} of {total / 2**30:.1f} GiB on the GPU and {host}"
