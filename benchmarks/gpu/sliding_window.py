"""G5: a volume in overlapping windows, against MONAI's inferer in float32 and in mixed precision."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet

from benchmarks.gpu.place import Place
from medgantry.training.compiled import compile_in_place

AGREEMENT = 0.02
"""Greatest mean difference of a probability that bf16 may make."""


def main(place: Place) -> list[dict[str, Any]]:
    """Rows for 14 and 105 classes; void, by an error, when probabilities differ by more than bf16's rounding."""
    counts = (3,) if place.tiny else (14, 105)
    return [row for classes in counts for row in _rows(classes, place)]


@torch.inference_mode()
def _rows(classes: int, place: Place) -> list[dict[str, Any]]:
    torch.manual_seed(0)
    shape = (40, 40, 30) if place.tiny else (512, 512, 300)
    window = place.size(96, 32)
    network = UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=classes,
        channels=(32, 64, 128, 256),
        strides=(2, 2, 2),
        num_res_units=2,
    )
    plain = network.to(place.device).eval()
    fast = copy.deepcopy(plain)
    if place.on_gpu:
        compile_in_place(fast, torch.nn.functional.mse_loss)
    volume = torch.randn(1, 1, *shape, device=place.device)

    def inference(chosen: torch.nn.Module, dtype: torch.dtype | None, batch: int) -> torch.Tensor:
        with torch.autocast(place.device.type, dtype=dtype, enabled=dtype is not None):
            logits = sliding_window_inference(
                volume, [window] * 3, batch, chosen, overlap=0.5, mode="gaussian"
            )
        assert isinstance(logits, torch.Tensor)
        return logits

    def ours() -> torch.Tensor:
        return inference(fast, torch.bfloat16, 8)

    peers: dict[str, Callable[[], torch.Tensor]] = {
        "fp32": lambda: inference(plain, None, 4),
        "bf16": lambda: inference(plain, torch.bfloat16, 4),
    }
    difference = float((ours().float().softmax(1) - peers["fp32"]().softmax(1)).abs().mean())
    assert difference < AGREEMENT, difference
    rows = []
    for name, peer in peers.items():
        row = place.compare(
            f"G5 {' x '.join(map(str, shape))} in windows of {window}^3, {classes} classes",
            f"MONAI sliding_window_inference, {name}",
            ours,
            peer,
            runs=place.size(3, 1),
        )
        memory = {"ours": place.peak_memory(ours), "peer": place.peak_memory(peer)}
        rows.append({**row, "peak_memory_mib": memory, "mean_difference": difference})
    return rows
