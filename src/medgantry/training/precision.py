"""In what precision a network computes while it is trained."""

from dataclasses import dataclass
from typing import Any

import torch
from monai.engines import SupervisedTrainer
from monai.inferers import Inferer

from medgantry.errors import InvalidInput

NAMES = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Precision:
    """A precision on a device, for MONAI's trainer.

    `bf16` needs no loss scaling, so it is not MONAI's `amp`: that scales with a `GradScaler`, which makes the host wait
    for the GPU in every step, and its autocast is CUDA's alone, so that on a CPU it trains in full precision without
    a word. Here the network is run in an autocast of the training's own device; weights, loss and
    optimizer stay float32. `fp16` is MONAI's `amp`, with its `GradScaler`.

    Raises:
        InvalidInput: If the name is unknown, or the device cannot compute in it.
    """

    name: str
    """`fp32`, `bf16` or `fp16`."""
    device: torch.device
    tf32: bool = True
    """Whether products of float32 may be rounded to 10 bits on a GPU; convolutions are, in torch's own default."""

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise InvalidInput(f"precision must be one of {', '.join(NAMES)}, got {self.name!r}.")
        on_gpu = self.device.type == "cuda"
        if self.name == "fp16" and not on_gpu:
            raise InvalidInput(
                f"precision fp16 needs a CUDA device, this training runs on {self.device.type}.",
                "Take fp32, or bf16, which a CPU computes too.",
            )
        # Every CPU computes bf16, if slowly; a GPU that only emulates it would be slower than in fp32.
        if self.name == "bf16" and on_gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise InvalidInput(
                f"precision bf16 needs a GPU of compute capability 8.0, {torch.cuda.get_device_name()} has "
                f"{'.'.join(map(str, torch.cuda.get_device_capability()))}.",
                "Take fp16 or fp32.",
            )

    def apply(self, trainer: SupervisedTrainer) -> None:
        """Let a trainer that has not run yet compute so, whatever its own `amp` says."""
        # The legacy setters: torch 2.13 refuses to read them, as torch.compile does, after the newer ones were used.
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.tf32
        trainer.amp = self.name == "fp16"
        trainer.scaler = torch.amp.GradScaler("cuda") if self.name == "fp16" else None
        trainer.amp_kwargs = {"dtype": torch.float16} if self.name == "fp16" else {}
        if self.name == "bf16":
            trainer.inferer = _Autocast(trainer.inferer, self.device.type, torch.bfloat16)


def asked_by(trainer: SupervisedTrainer) -> str:
    """The precision that a bundle's own `amp` and `amp_kwargs` ask for; MONAI's autocast is fp16 unless told."""
    if not trainer.amp:
        return "fp32"
    dtype = trainer.amp_kwargs.get("dtype", torch.float16)
    return {torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype]


class _Autocast(Inferer):  # type: ignore[misc]  # MONAI is untyped here
    """An inferer whose network computes in a lower precision and answers in float32: losses sum over millions of voxels."""

    def __init__(self, inferer: Inferer, device_type: str, dtype: torch.dtype) -> None:
        super().__init__()
        self._inferer, self._device_type, self._dtype = inferer, device_type, dtype

    def __call__(self, inputs: torch.Tensor, network: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(self._device_type, dtype=self._dtype):
            return _float32(self._inferer(inputs, network, *args, **kwargs))


def _float32(output: Any) -> Any:
    """A network's output, which may be several, in float32."""
    if isinstance(output, torch.Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, dict):
        return {name: _float32(part) for name, part in output.items()}
    return type(output)(_float32(part) for part in output)
