"""A bundle's network with its weights and its own transforms, ready to be applied."""

from pathlib import Path

import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose

from medgantry.bundles import Bundle
from medgantry.bundles.parser import load_weights, part
from medgantry.processes import THREADS


class LoadedNetwork:
    """Everything of a bundle's inference config that turns files into logits.

    Args:
        bundle: With weights.
        untrained_seed: Use a fresh network of this seed instead of the weights: the baseline of no learning.
    """

    def __init__(self, bundle: Bundle, *, untrained_seed: int | None = None) -> None:
        torch.set_num_threads(THREADS)
        parser = ConfigParser(dict(bundle.inference_config))
        self.device = torch.device(part(parser, "device"))
        if untrained_seed is not None:
            torch.manual_seed(untrained_seed)
        network: torch.nn.Module = part(parser, "network_def")
        if untrained_seed is None:
            load_weights(bundle, network)
        self.network = network.to(self.device).eval()
        self.postprocessing: Compose = part(parser, "postprocessing")
        self._preprocessing = part(parser, "preprocessing")
        self._inferer = part(parser, "inferer")

    def prepare(self, image: Path | list[Path]) -> torch.Tensor | MetaTensor:
        """The network's input without the batch axis: (C, i, j, k) or (C, i, j).

        Args:
            image: One file with all channels in the bundle's order, or one file per channel.
        """
        return self._preprocessing({"image": image})["image"]

    def logits(self, prepared: torch.Tensor) -> torch.Tensor:
        """The network's output on the CPU, without the batch axis."""
        with torch.no_grad():
            output = self._inferer(torch.as_tensor(prepared)[None].to(self.device), self.network)
        return torch.as_tensor(output)[0].float().cpu()
