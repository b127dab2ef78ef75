"""SmoothGrad: at which pixels a small change moves the class's logit most, averaged over noisy copies.

Source: Smilkov et al., SmoothGrad: removing noise by adding noise, arXiv:1706.03825; as MONAI computes it,
with its 25 copies and noise of 0.15 of the image's range. As fine as the image, and as noisy as gradients.
"""

import torch
from monai.visualize import SmoothGrad

from medgantry.explain.heat_map import HeatMap, heat_map
from medgantry.explain.working_copy import working_copy


def smooth_grad(network: torch.nn.Module, image: torch.Tensor, class_index: int, seed: int) -> HeatMap:
    """Explain one class's logit for one image.

    Args:
        network: From images (1, C, H, W) to logits (1, classes), in eval mode; it stays as it is.
        image: (1, C, H, W), as the network takes it, on its device.
        class_index: Which logit.
        seed: Of the noise, which differs between CPU and GPU. The global generators stay as they are.

    Raises:
        InvalidInput: The image is not one image, or there is no such class.
        InvalidBundle: The network does not answer with finite logits.
    """
    every_gpu = range(torch.cuda.device_count())
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(every_gpu):
        copied, plain, _ = working_copy(network, image, class_index)
        torch.manual_seed(seed)
        gradient = SmoothGrad(copied, verbose=False)(plain, class_index)
        # A pixel matters as much as its most important channel (Simonyan et al., arXiv:1312.6034).
        return heat_map(gradient[0].abs().amax(dim=0).cpu().numpy())
