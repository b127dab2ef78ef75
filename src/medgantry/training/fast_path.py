"""What makes a bundle's own trainer fast without changing what it learns."""

import torch
from monai.engines import SupervisedTrainer

from medgantry.bundles.recipe import Recipe
from medgantry.training.compiled import compile_in_place
from medgantry.training.guards import check_versions
from medgantry.training.options import TrainOptions
from medgantry.training.precision import Precision, asked_by


def take_fast_path(trainer: SupervisedTrainer, recipe: Recipe, options: TrainOptions) -> str:
    """Set precision and compilation of a trainer that has not run yet, before its network is distributed.

    Returns:
        The precision it computes in.

    Raises:
        InvalidInput: If the device cannot compute in the wanted precision, or torch or cuDNN are known not to.
        InvalidBundle: If the bundle asks for `compile: true`, and its network cannot be.
    """
    device = recipe.device
    wanted = options.precision or asked_by(trainer)
    if not options.precision and device.type == "cpu" and wanted != "fp32":
        # A bundle's `amp` is CUDA's; MONAI itself trains in float32 then, and says nothing.
        print(
            f"The bundle's amp asks for {wanted} on a GPU; there is none, so it trains in fp32.", flush=True
        )
        wanted = "fp32"
    cudnn = torch.backends.cudnn.version() if device.type == "cuda" else None  # type: ignore[no-untyped-call]
    for warning in check_versions(torch_version=torch.__version__, cudnn=cudnn, precision=wanted):
        print(f"Warning: {warning}", flush=True)
    Precision(wanted, device, tf32=not options.deterministic).apply(trainer)
    if recipe.config.get("compile"):
        compile_in_place(trainer.network, trainer.loss_function)
    return wanted
