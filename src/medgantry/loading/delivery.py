"""The last part of a batch's way: to the device where the network is, as float32."""

from dataclasses import dataclass

import torch

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Delivered:
    """A batch on its device, or on its way there."""

    tensors: Tensors
    arrived: torch.cuda.Event | None = None

    def receive(self) -> Tensors:
        """The tensors, for work on the calling thread's stream; the host does not wait for the copy."""
        if self.arrived is not None:
            stream = torch.cuda.current_stream(next(iter(self.tensors.values())).device)
            stream.wait_event(self.arrived)
            for tensor in self.tensors.values():
                tensor.record_stream(stream)  # its memory is not given away while this stream uses it
        return self.tensors


class Delivery:
    """Copies batches beside the computation, on a stream of its own where the device is a GPU.

    Args:
        device: Where to.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    @property
    def pinned(self) -> bool:
        """Whether batches are to be put together in page-locked memory."""
        return self._stream is not None

    def host_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """What volumes of this type are put together as: a GPU casts faster than the bus carries float32."""
        return dtype if self._stream is not None else torch.float32

    def __call__(self, batch: Tensors) -> Delivered:
        """Send a batch; volumes become float32, as losses multiply masks with probabilities."""
        if self._stream is None:
            return Delivered({name: _cast(tensor.to(self._device)) for name, tensor in batch.items()})
        with torch.cuda.stream(self._stream):
            sent = {name: _cast(tensor.to(self._device, non_blocking=True)) for name, tensor in batch.items()}
            return Delivered(sent, self._stream.record_event())


def _cast(values: torch.Tensor) -> torch.Tensor:
    """A class index, one number per case, stays whole."""
    return values.float() if values.ndim > 1 else values
