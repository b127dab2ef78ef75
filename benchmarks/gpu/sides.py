"""The two sides of a comparison of training: MONAI's trainer with our settings, and the plain loop of a tutorial."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from ignite.engine import Engine
from monai.bundle import ConfigParser
from monai.engines import SupervisedTrainer
from monai.inferers import SimpleInferer

from benchmarks.gpu.place import Place
from medgantry.bundles.fused import with_fused
from medgantry.training.compiled import compile_in_place
from medgantry.training.precision import Precision

RATE = 1e-3
Batches = Iterable[dict[str, Any]]


def our_trainer(
    network: torch.nn.Module,
    loss: torch.nn.Module,
    batches: Batches,
    place: Place,
    attach: Callable[[Engine], None] = lambda engine: None,
    rate: float = RATE,
) -> SupervisedTrainer:
    """Network in bf16, on a GPU compiled, with a fused optimizer; it trains one epoch at every `run`.

    Args:
        network: A copy of it is trained.
        loss: Of output and labels.
        batches: An epoch, with a length.
        place: Where.
        attach: Adds handlers.
        rate: Learning rate.
    """
    network = copy.deepcopy(network).to(place.device)
    if place.on_gpu:
        compile_in_place(network, loss)
    config = with_fused({"_target_": "torch.optim.Adam", "params": "$@network.parameters()", "lr": rate})
    optimizer = ConfigParser({"network": network, "optimizer": config}).get_parsed_content("optimizer")
    trainer = SupervisedTrainer(
        device=place.device,
        max_epochs=1,
        train_data_loader=batches,
        network=network,
        optimizer=optimizer,
        loss_function=loss,
        inferer=SimpleInferer(),
        decollate=False,
        optim_set_to_none=True,
    )
    Precision("bf16", place.device).apply(trainer)
    attach(trainer)
    return trainer


class PlainLoop:
    """As MONAI's tutorials train: float32 (TF32 in products), eager, and the loss is looked at in every step.

    Args:
        network: A copy of it is trained.
        loss: Of output and labels.
        place: Where.
        autocast: A type to compute in; None for float32.
        rate: Learning rate.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        loss: torch.nn.Module,
        place: Place,
        autocast: torch.dtype | None = None,
        rate: float = RATE,
    ) -> None:
        self.network, self._loss, self._place, self._autocast = (
            copy.deepcopy(network).to(place.device),
            loss,
            place,
            autocast,
        )
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=rate)

    def __call__(self, batches: Batches) -> float:
        """One epoch's mean loss."""
        self.network.train()
        losses = []
        for batch in batches:
            images, labels = (batch[key].to(self._place.device) for key in ("image", "label"))
            self._optimizer.zero_grad()
            enabled = self._autocast is not None
            with torch.autocast(self._place.device.type, dtype=self._autocast, enabled=enabled):
                loss = self._loss(self.network(images), labels)
            loss.backward()
            self._optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)
