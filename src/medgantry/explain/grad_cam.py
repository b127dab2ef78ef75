"""Grad-CAM++: which features of the last spatial layer raise the class's logit, and where they are.

Source: Chattopadhay et al., Grad-CAM++: generalized gradient-based visual explanations for deep convolutional
networks, WACV 2018, arXiv:1710.11063; as MONAI computes it. Fast, and as coarse as that layer.
"""

import torch
from monai.visualize import GradCAMpp

from medgantry.explain.heat_map import HeatMap, heat_map
from medgantry.explain.target_layer import last_spatial_layer
from medgantry.explain.working_copy import working_copy


def grad_cam_pp(network: torch.nn.Module, image: torch.Tensor, class_index: int) -> HeatMap:
    """Explain one class's logit for one image.

    Args:
        network: From images (1, C, H, W) to logits (1, classes), in eval mode; it stays as it is.
        image: (1, C, H, W), as the network takes it, on its device.
        class_index: Which logit.

    Raises:
        InvalidInput: The image is not one image, or there is no such class.
        InvalidBundle: The network does not answer with finite logits, or has no spatial layer.
    """
    with torch.inference_mode(False), torch.enable_grad():
        copied, plain, _ = working_copy(network, image, class_index)
        layer = last_spatial_layer(copied, plain)
        cam = GradCAMpp(
            _ScoreOfZero(copied, class_index), f"network.{layer}", postprocessing=lambda strength: strength
        )
        # Gradients reach the layer from the image, whether or not weights have any.
        strength = cam(plain.requires_grad_(), class_idx=class_index)
        return heat_map(strength[0, 0].detach().cpu().numpy())


class _ScoreOfZero(torch.nn.Module):
    """A network whose logit of the class is 0, with the gradients that it had.

    MONAI multiplies all weights by exp(logit), which is infinite above 88 and 0 below -104.
    """

    def __init__(self, network: torch.nn.Module, class_index: int) -> None:
        super().__init__()
        self.network = network
        self.class_index = class_index

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)
        return logits - logits[:, self.class_index : self.class_index + 1].detach()
