"""Ends a training that no longer gets better."""

from collections.abc import Mapping, Sequence

from ignite.engine import Engine

from medgantry.errors import InvalidInput
from medgantry.training.handlers.agreement import Agreement


class EarlyStopping:
    """Patience with the validation metric. It remembers nothing: the history tells all, also after a resume.

    Args:
        metric: Key of the points; higher is better.
        patience: Epochs without a gain after which training ends.
        min_delta: What counts as a gain over the best so far, in the metric's unit; 0 for any.
        agreement: Of the ranks: rank 0 decides.

    Raises:
        InvalidInput: If the patience is below 1 or `min_delta` below 0.
    """

    def __init__(self, metric: str, *, patience: int, min_delta: float, agreement: Agreement) -> None:
        if patience < 1 or min_delta < 0:
            raise InvalidInput(
                f"Early stopping needs patience >= 1 and min_delta >= 0, got {patience} and {min_delta}."
            )
        self._metric, self._patience, self._min_delta = metric, patience, min_delta
        self._agreement = agreement

    def attach(self, engine: Engine) -> None:
        """End this trainer's run."""
        self._engine = engine

    def update(self, points: Sequence[Mapping[str, float]]) -> bool:
        """Decide after an epoch, or before a resumed run, from the points of `History`. Every rank must ask.

        Returns:
            Whether training ends; a run in progress then ends by itself.

        Raises:
            InvalidInput: If the last point lacks the metric.
        """
        if self._metric not in points[-1]:
            raise InvalidInput(
                f"Early stopping needs {self._metric!r} in every epoch, epoch {points[-1]['epoch']:g} has none.",
                "Give the split validation cases, or leave early stopping out.",
            )
        ends: bool = self._agreement.from_first(self._is_out_of_patience(points))
        if ends:
            self._engine.terminate()
        return ends

    def _is_out_of_patience(self, points: Sequence[Mapping[str, float]]) -> bool:
        best, since = float("-inf"), 0
        for point in points:
            if point[self._metric] > best + self._min_delta:
                best, since = point[self._metric], 0
            else:
                since += 1
        return since >= self._patience
