"""Weights of another task, as the place where training begins."""

import re

import torch

from medgantry.bundles.bundle import PRETRAINED, Bundle
from medgantry.bundles.parser import read_state
from medgantry.errors import InvalidBundle

_LEAST_SHARE = 0.5
"""Of the network's tensors: fewer that fit mean that the file belongs to another network."""
_DENSENET = re.compile(r"(denselayer\d+)\.(norm|relu|conv)\.?(\d)")


def load_pretrained(bundle: Bundle, network: torch.nn.Module) -> None:
    """Load what fits of the bundle's pretrained weights; the rest keeps its fresh values.

    A classifier's last layer has other classes, so a tensor of another shape is left out. DenseNet weights may have
    torchvision's names (`denselayer1.norm1`) or MONAI's (`denselayer1.layers.norm1`).

    Raises:
        InvalidBundle: If too few of the network's tensors are in the file.
    """
    path = bundle.folder / PRETRAINED
    if not path.is_file():
        return
    wanted = network.state_dict()
    found = {_monai_name(name): tensor for name, tensor in read_state(path).items()}
    fitting = {
        name: tensor
        for name, tensor in found.items()
        if name in wanted and isinstance(tensor, torch.Tensor) and tensor.shape == wanted[name].shape
    }
    if len(fitting) < _LEAST_SHARE * len(wanted):
        raise InvalidBundle(
            f"The pretrained weights fit {len(fitting)} of the network's {len(wanted)} tensors.",
            "Give a state dict of the same network.",
        )
    network.load_state_dict({**wanted, **fitting})


def _monai_name(name: str) -> str:
    return _DENSENET.sub(r"\1.layers.\2\3", name)
