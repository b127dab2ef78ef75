"""A network to experiment on, so that the one that was given stays as it came.

MONAI 1.6.1's methods leave their hooks in the network, switch off `inplace` and drop its gradients.
"""

import copy

import torch

from medgantry.errors import InvalidBundle, InvalidInput


def working_copy(
    network: torch.nn.Module, image: torch.Tensor, class_index: int
) -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    """Copy a network and an image, and ask the one about the other.

    To be called in `torch.inference_mode(False)`: what is copied in inference mode never has gradients.

    Args:
        network: From images (1, C, H, W) to logits (1, classes).
        image: (1, C, H, W), as the network takes it, on its device.
        class_index: Which logit is to be explained.

    Returns:
        The network in eval mode, without gradients of its weights and without in-place layers, on which
        backward hooks fail; the image as a plain tensor; the logits.

    Raises:
        InvalidInput: The image is not one image, or there is no such class.
        InvalidBundle: The network does not answer with finite logits.
    """
    if image.ndim != 4 or image.shape[0] != 1:
        raise InvalidInput(f"Wanted one image, (1, C, H, W), found a tensor of shape {tuple(image.shape)}.")
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for module in copied.modules():
        if vars(module).get("inplace"):
            vars(module)["inplace"] = False
    plain = image.detach().clone().as_subclass(torch.Tensor)
    with torch.no_grad():
        logits = copied(plain)
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or not bool(torch.isfinite(logits).all()):
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InvalidBundle(f"Wanted a network that answers with finite logits (1, classes), found {found}.")
    if not 0 <= class_index < logits.shape[1]:
        raise InvalidInput(f"Wanted a class from 0 to {logits.shape[1] - 1}, found {class_index}.")
    return copied, plain, logits
