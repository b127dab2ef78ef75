"""The curves of a training: one point per epoch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medgantry.fingerprint import canonical_json
from medgantry.tracking import TrackedRun

HISTORY = "history.json"
"""In the folder of a bundle that we trained."""


@dataclass(kw_only=True)
class History:
    """What was measured at the end of every epoch; epoch 0 is the untrained network."""

    points: list[dict[str, float]] = field(default_factory=list)
    """Each: `epoch`; `train_loss` and `learning_rate` (not in epoch 0); the validation's numbers, `val_...`."""
    validation: list[dict[str, Any]] = field(default_factory=list)
    """The validation's rows of the best epoch, each with its case_id."""
    best_epoch: int = -1
    best_metric: float = float("-inf")

    def document(self) -> dict[str, Any]:
        """JSON-ready values; no best yet is null."""
        document = asdict(self)
        if self.best_epoch < 0:
            document["best_metric"] = None
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "History":
        """The inverse of `document`."""
        values = dict(document)
        if values["best_metric"] is None:
            values["best_metric"] = float("-inf")
        return cls(**values)

    def save(self, folder: Path) -> None:
        """Write the curves into a bundle's folder."""
        (folder / HISTORY).write_text(canonical_json(self.document()))

    @classmethod
    def open(cls, folder: Path) -> "History":
        """The curves of the bundle in a folder."""
        return cls.from_document(json.loads((folder / HISTORY).read_text()))


def log_history(tracked: TrackedRun, history: History) -> None:
    """Log the points that the tracked run does not have yet: a resumed or reused training shows whole curves."""
    if not history.points:
        return
    # Epoch 0 has no loss, and a training without validation cases has nothing but losses.
    names = [name for name in history.points[0] if name != "epoch"] or ["train_loss"]
    measured = [point for point in history.points if names[0] in point]
    for point in measured[tracked.curve_length(names[0]) :]:
        log_point(tracked, point)


def log_point(tracked: TrackedRun, point: Mapping[str, float]) -> None:
    """Log one epoch."""
    tracked.metrics({key: value for key, value in point.items() if key != "epoch"}, step=int(point["epoch"]))
