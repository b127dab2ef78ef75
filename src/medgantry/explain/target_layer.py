"""The layer at which a network still knows where something is, and knows most about what it is."""

from collections import Counter

import torch

from medgantry.errors import InvalidBundle


def last_spatial_layer(network: torch.nn.Module, image: torch.Tensor) -> str:
    """Name of the last module, in order of execution, whose output is more than one pixel along every axis.

    A module that runs several times is passed over: MONAI would take its last output, but the gradient at its
    first one. No hook is left behind.

    Args:
        network: A classification network; it runs once.
        image: (1, C, H, W).

    Raises:
        InvalidBundle: There is no such module.
    """
    runs: Counter[str] = Counter()
    spatial: list[str] = []

    def listen(name: str, module: torch.nn.Module) -> torch.utils.hooks.RemovableHandle:
        def note(_module: torch.nn.Module, _inputs: object, output: object) -> None:
            runs[name] += 1
            if isinstance(output, torch.Tensor) and output.ndim == image.ndim and min(output.shape[2:]) > 1:
                spatial.append(name)

        return module.register_forward_hook(note)

    handles = [listen(name, module) for name, module in network.named_modules()]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    found = [name for name in spatial if runs[name] == 1]
    if not found:
        raise InvalidBundle(
            "Wanted a network with a layer whose output is more than one pixel along every axis, found none "
            f"that runs once for an image of {tuple(image.shape[2:])} pixels.",
            "Grad-CAM++ needs such a layer: give a larger image, or use occlusion or SmoothGrad.",
        )
    return found[-1]
