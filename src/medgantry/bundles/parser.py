"""A bundle's configs brought to life by MONAI: the part that needs torch."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose

from medgantry.bundles.bundle import Bundle, look_up
from medgantry.errors import InvalidBundle


def training_parser(
    bundle: Bundle, regions: Mapping[str, list[int]], class_counts: Sequence[int] = ()
) -> ConfigParser:
    """A parser of the training config, with what the cohort decides put in its place.

    Args:
        bundle: The bundle.
        regions: Output -> label codes, of the cohort; empty for classification. Goes to the id `regions`.
        class_counts: Training cases of each output; empty for segmentation. Goes to the id `class_counts`.
    """
    config = dict(bundle.train_config)
    if "regions" in config and regions:
        config["regions"] = {name: regions[name] for name in bundle.outputs}
    if "class_counts" in config and class_counts:
        config["class_counts"] = list(class_counts)
    return ConfigParser(config)


def deterministic_transforms(bundle: Bundle, regions: Mapping[str, list[int]]) -> Compose:
    """The transforms whose result is stored: no randomness."""
    return Compose(part(training_parser(bundle, regions), "train#deterministic_transforms"))


def part(parser: ConfigParser, identity: str) -> Any:
    """One instantiated part of a config.

    Raises:
        InvalidBundle: If the config lacks it, or it cannot be made, with MONAI's reason.
    """
    if look_up(parser.config, identity) is None:
        raise InvalidBundle(f"The bundle's config has no {identity!r}.")
    try:
        return parser.get_parsed_content(identity)
    except Exception as error:  # MONAI wraps whatever the target's constructor raises
        raise InvalidBundle(f"The bundle's {identity!r} cannot be made: {error}.") from error


def load_weights(bundle: Bundle, network: torch.nn.Module) -> None:
    """Load the bundle's weights; nothing but tensors is unpickled.

    Raises:
        InvalidBundle: If there are none, they hold more than tensors, or they are not the network's.
    """
    if bundle.weights is None:
        raise InvalidBundle(f"{bundle.folder.name} has no weights.", "Train it first.")
    state = read_state(bundle.weights)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InvalidBundle(f"The weights of {bundle.folder.name} are not its network's: {error}.") from error


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """A state dict from a file of tensors.

    Raises:
        InvalidBundle: If it holds more than tensors, or no state dict.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InvalidBundle(
            f"{path.name} cannot be read as tensors alone: {error}.",
            "Save the network's state_dict with torch.save; pickled objects are code and are never loaded.",
        ) from error
    inner = state.get("model", state) if isinstance(state, dict) else state
    if not isinstance(inner, dict):
        raise InvalidBundle(
            f"{path.name} holds a {type(inner).__name__}, no state dict.",
            "Save the network's state_dict with torch.save.",
        )
    return inner
