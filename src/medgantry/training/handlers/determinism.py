"""Randomness that a resumed training draws again, and algorithms that repeat bit for bit."""

import os
import random

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.utils import set_determinism

from medgantry.loading.seeds import derive_seed


class StepSeeds:
    """Seeds torch, numpy and python before every step, from (seed, epoch, step, rank) alone.

    Dropout and the like are then a function of where a training is: a checkpoint needs no random state, and a training
    resumed at any step draws what an undisturbed one did.

    Args:
        seed: Of the training.
        rank: This one: ranks draw differently.
    """

    def __init__(self, seed: int, rank: int) -> None:
        self._seed, self._rank = seed, rank

    def attach(self, engine: Engine) -> None:
        """Seed the steps of a trainer."""
        engine.add_event_handler(Events.ITERATION_STARTED, self._sow)

    def _sow(self, engine: Engine) -> None:
        step = (engine.state.iteration - 1) % engine.state.epoch_length
        seed = derive_seed(self._seed, engine.state.epoch, f"step {step} rank {self._rank}")
        random.seed(seed)
        np.random.seed(seed)
        # Not torch.manual_seed: it walks the stack for each kind of device, 0.16 ms a step.
        torch.default_generator.manual_seed(seed)
        if engine.state.device.type == "cuda":
            torch.cuda.manual_seed(seed)


def make_deterministic(seed: int) -> None:
    """Let torch take nothing but algorithms that repeat bit for bit; an operation that has none is its error.

    To be called before anything is on a GPU: cuBLAS reads its setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    set_determinism(seed=seed, use_deterministic_algorithms=True)
