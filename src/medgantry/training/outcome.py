"""What a training has to show so far: its curves, and the weights of its best epoch."""

from collections.abc import Mapping
from typing import Any

import torch

from medgantry.training.history import History
from medgantry.training.validation import Rows


class Outcome:
    """The history, and the best epoch's weights on the host.

    Args:
        metric: Of the points; higher is better. Without it, the last epoch counts as the best.
    """

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self.history = History()
        self.best_weights: dict[str, torch.Tensor] = {}

    @property
    def epochs(self) -> int:
        """How many are over; -1 before the untrained network was looked at."""
        return int(self.history.points[-1]["epoch"]) if self.history.points else -1

    def add(self, point: Mapping[str, float], rows: Rows, network: torch.nn.Module) -> None:
        """Note an epoch and its validation.

        Args:
            point: What was measured.
            rows: Per case.
            network: Neither compiled nor distributed.
        """
        self.history.points.append(dict(point))
        # Without validation cases, or with cases of one class alone, the last epoch is taken.
        metric = point.get(self._metric, float(point["epoch"]))
        if metric > self.history.best_metric:
            self.history.best_metric, self.history.best_epoch = metric, int(point["epoch"])
            self.history.validation = [dict(row) for row in rows]
            weights = network.state_dict()
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"best_weights": self.best_weights, "history": self.history.document()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.best_weights = dict(state["best_weights"])
        self.history = History.from_document(state["history"])
