"""Occlusion sensitivity: how much the class's probability drops when a part of the image is hidden.

Source: Zeiler, Fergus, Visualizing and understanding convolutional networks, ECCV 2014, arXiv:1311.2901; as
MONAI computes it. It asks the network itself rather than its gradients, about 150 times.
"""

import numpy as np
import torch
from monai.visualize import OcclusionSensitivity

from medgantry.explain.heat_map import HeatMap, heat_map
from medgantry.explain.working_copy import working_copy

_PATCHES = 6
"""A hidden patch is this part of the image's height and width; patches overlap by a half."""
_ROUNDING = 1e-5
"""A drop of probability that a float32 network also shows where nothing changed."""


def occlusion(network: torch.nn.Module, image: torch.Tensor, class_index: int) -> HeatMap:
    """Explain one class's probability for one image.

    A patch fades to the image's mean colour in its middle. What raises the probability when hidden is 0.

    Args:
        network: From images (1, C, H, W) to logits (1, classes), in eval mode; it stays as it is.
        image: (1, C, H, W), as the network takes it, on its device.
        class_index: Which class; a single logit is taken as that of a yes.

    Raises:
        InvalidInput: The image is not one image, or there is no such class.
        InvalidBundle: The network does not answer with finite logits.
    """
    with torch.inference_mode(False), torch.no_grad():
        copied, plain, logits = working_copy(network, image, class_index)
        mean = plain.mean(dim=(2, 3), keepdim=True)
        hide = OcclusionSensitivity(
            _AroundMean(copied, mean),
            mask_size=[max(size // _PATCHES, 1) for size in plain.shape[2:]],
            overlap=0.5,
            # Its own choice goes by the image's channels: a grey image's classes would each get a sigmoid.
            activate=_probabilities,
            verbose=False,
        )
        # (1, classes, H, W), unlike its documentation, which has the classes last.
        hidden, _ = hide(plain - mean)
        drop = _probabilities(logits)[0, class_index] - hidden[0, class_index].as_subclass(torch.Tensor)
        values = drop.cpu().numpy()
        return heat_map(np.where(values > _ROUNDING, values, 0))


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)


class _AroundMean(torch.nn.Module):
    """A network of the difference to a mean: MONAI fades to 0, which need not be neutral."""

    def __init__(self, network: torch.nn.Module, mean: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.mean = mean

    def forward(self, difference: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(difference + self.mean)
        return logits
