"""A training by a function of the bundle: `entry_point: scripts.train:main` in its training config.

The function gets a `Session`, which has the samples, the validation and the checkpoints, and does the rest.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from medgantry.bundles.runnable import ENTRY_POINT
from medgantry.errors import InvalidBundle
from medgantry.training.rank import Rank


class Session:
    """What a bundle's training function works with.

    Args:
        rank: This one.
    """

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self.config: Mapping[str, Any] = rank.recipe.config
        """The training config, unresolved."""
        self.device = rank.recipe.device
        self.rank, self.ranks, self.seed = rank.number, rank.processes, rank.job.seed
        self._state = rank.resume()

    @property
    def epochs_done(self) -> int:
        """How many are over: the function goes on with the one after."""
        return max(self._rank.outcome.epochs, 0)

    @property
    def resumed(self) -> Mapping[str, Any] | None:
        """What `report` was given as `state` after the last of them; None at the beginning."""
        return None if self._state is None else self._state["script"]

    def begin(self, network: torch.nn.Module) -> None:
        """Load the weights that the bundle brings, if any."""
        self._rank.begin(network)

    def batches(self, epoch: int) -> Iterator[dict[str, Any]]:
        """This rank's samples of an epoch, counted from 1: tensors (items, ...) on the device, and `case_id`."""
        self._rank.feed.loader.epoch = epoch
        yield from self._rank.feed.loader

    def report(
        self, epoch: int, network: torch.nn.Module, state: Mapping[str, Any], **numbers: float
    ) -> dict[str, float]:
        """Validate the network, note the epoch, and write a checkpoint. Every rank reports.

        Args:
            epoch: That is over.
            network: Neither compiled nor distributed; the best one's weights are the result.
            state: What the function needs to go on after it: tensors, numbers, texts, nested.
            numbers: Of the epoch, for the curves, such as `train_loss`.

        Returns:
            The epoch's numbers with those of the validation.
        """
        point = self._rank.look(network, epoch, numbers)
        self._rank.save(epoch, {"script": dict(state)})
        return point


def run_script(rank: Rank) -> None:
    """Run a bundle's entry point, then publish the result.

    Raises:
        InvalidBundle: If there is no such function, or it returns no network that it reported.
    """
    named = str(rank.recipe.config[ENTRY_POINT])
    network = _function(named)(Session(rank))
    if not isinstance(network, torch.nn.Module) or rank.outcome.epochs < 1:
        raise InvalidBundle(
            f"{ENTRY_POINT} {named} must report at least one epoch and return the network.",
            "Call session.report(epoch, network, state) after every epoch, and return the network at the end.",
        )
    rank.finish(network)


def _function(named: str) -> Callable[[Session], Any]:
    module, _, name = named.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidBundle(
            f"{ENTRY_POINT} must name a function, such as scripts.train:main; {named!r} is none: {error}."
        ) from error
    function: Callable[[Session], Any] = found
    return function
