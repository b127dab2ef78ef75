"""Lack of memory is said in settings."""

import numpy as np
import pytest
import torch
from monai.transforms import Compose

from medgantry.training.handlers.memory import OutOfMemory, naming_memory_settings

IN_FORCE = {"learning_rate": 0.1, "patch_size": [96, 96, 96], "batch_size": 4}
TOO_MUCH = 2**58
"""Elements: more than any address space."""


def allocate_by_torch():
    torch.empty(TOO_MUCH, dtype=torch.uint8)


def allocate_by_numpy():
    np.empty(TOO_MUCH, dtype=np.uint8)


def allocate_in_a_transform():
    Compose([lambda data: np.empty(TOO_MUCH, dtype=np.uint8)])(0)


def fail_on_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    "run", [allocate_by_torch, allocate_by_numpy, allocate_in_a_transform, fail_on_a_gpu]
)
def test_lack_of_memory_names_the_settings_in_force(run):
    with pytest.raises(OutOfMemory) as caught, naming_memory_settings(IN_FORCE):
        run()
    assert "with batch_size=4, patch_size=[96, 96, 96]; the peak was" in caught.value.message
    assert "learning_rate" not in caught.value.message
    assert "override" in caught.value.remedy


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="size mismatch"), naming_memory_settings(IN_FORCE):
        raise RuntimeError("size mismatch")
