"""Stops a training whose loss or weights are no longer numbers, before a checkpoint can hold them."""

import math
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from medgantry.errors import MedgantryError
from medgantry.training.handlers.agreement import Agreement

EVERY = 20
"""Steps between two looks: each makes the host wait for the GPU once."""


class NonFiniteLoss(MedgantryError):
    """The loss or the weights are NaN or infinite."""


class FiniteLoss:
    """Keeps an epoch's losses, and looks at them every few steps and whenever they are asked for.

    Whoever writes a checkpoint asks for `losses` first: a state with a bad step in it cannot be written, and the last
    checkpoint is of before that step.

    Args:
        agreement: Of the ranks: all of them raise, with the same words.
        every: Steps between two looks.
    """

    def __init__(self, agreement: Agreement, every: int = EVERY) -> None:
        self._agreement, self._every = agreement, every
        self._losses: list[float] = []
        self._pending: list[tuple[torch.Tensor, list[str]]] = []
        self._epoch = self._done = 0
        self._before: list[str] = []
        self._resumed: list[float] = []

    def attach(self, engine: Engine) -> None:
        """Watch a trainer whose batches have `case_id`."""
        self._network: torch.nn.Module = engine.network
        engine.add_event_handler(Events.EPOCH_STARTED, self._begin)
        # Before MONAI decollates output and batch into lists of samples.
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._keep)

    def resume(self, losses: list[float]) -> None:
        """Go on in an epoch that has these `losses` already."""
        self._losses = self._resumed = losses

    def losses(self) -> list[float]:
        """The epoch's losses so far, one a step, each the mean over the ranks. Every rank must ask.

        Raises:
            NonFiniteLoss: With epoch, step and cases, if one of them, or a weight, is not finite.
        """
        self._look()
        self._check_weights()
        return self._agreement.mean(self._losses)

    def mean(self) -> float:
        """The mean of `losses`; raises as it does."""
        losses = self.losses()
        return math.fsum(losses) / len(losses)

    def _begin(self, engine: Engine) -> None:
        self._losses, self._resumed = self._resumed, []
        self._done = len(self._losses)
        self._epoch = engine.state.epoch
        self._pending, self._before = [], []

    def _keep(self, engine: Engine) -> None:
        loss = engine.state.output["loss"].detach().as_subclass(torch.Tensor)
        # A clone, as a CUDA graph writes the next loss into the same memory.
        self._pending.append((loss.clone(), list(dict.fromkeys(engine.state.batch["case_id"]))))
        if len(self._pending) == self._every:
            self._look()

    def _look(self) -> None:
        values = torch.stack([loss for loss, _ in self._pending]).double().tolist() if self._pending else []
        bad = next((index for index, value in enumerate(values) if not math.isfinite(value)), None)
        if self._agreement.any(bad is not None):
            self._report(None if bad is None else self._found(bad, values[bad]))
        self._losses += values
        self._done = len(self._losses)
        if self._pending:
            self._before = self._pending[-1][1]
        self._pending = []

    def _found(self, index: int, value: float) -> dict[str, Any]:
        before = self._pending[index - 1][1] if index else self._before
        return {
            "step": self._done + index + 1,
            "loss": str(value),
            "cases": self._pending[index][1],
            "before": before,
        }

    def _report(self, found: dict[str, Any] | None) -> None:
        reports = [report for report in self._agreement.gather(found) if report]
        step = min(report["step"] for report in reports)
        first = [report for report in reports if report["step"] == step]
        cases, before = (
            ", ".join(dict.fromkeys(case for report in first for case in report[name]))
            or "none of this epoch"
            for name in ("cases", "before")
        )
        raise NonFiniteLoss(
            f"The loss must be finite; in epoch {self._epoch}, step {step} it is {first[0]['loss']}. "
            f"Cases of this step: {cases}; of the step before: {before}.",
            _REMEDY,
        )

    def _check_weights(self) -> None:
        finite = torch.stack([weight.isfinite().all() for weight in self._network.parameters()]).all()
        if self._agreement.any(not finite.item()):
            cases = ", ".join(
                dict.fromkeys(case for part in self._agreement.gather(self._before) for case in part)
            )
            raise NonFiniteLoss(
                f"The weights must be finite; after epoch {self._epoch}, step {self._done} they are not, although "
                f"the losses are: a gradient overflowed. Cases of this step: {cases}.",
                _REMEDY,
            )


_REMEDY = (
    "Look at these cases, lower the learning rate, or use precision fp32; the last checkpoint is of before "
    "this step, and the training goes on from it."
)
