"""Curves for TensorBoard, for those who ask for them; MLflow has the same."""

from collections.abc import Mapping
from pathlib import Path

from medgantry.errors import InvalidInput


class TensorBoard:
    """Writes the points of `History` as scalars.

    Args:
        folder: For the event files.

    Raises:
        InvalidInput: If the package `tensorboard` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InvalidInput(
                "TensorBoard curves need the package `tensorboard`, which this image lacks.",
                "Add `tensorboard` to the image, or leave tensorboard out: MLflow has the same curves.",
            ) from error
        self._writer = SummaryWriter(str(folder))

    def update(self, point: Mapping[str, float]) -> None:
        """Write one epoch."""
        for name, value in point.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(point["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        self._writer.close()
