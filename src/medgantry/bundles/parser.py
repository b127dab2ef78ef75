"""A bundle's configs brought to life by MONAI: the part that needs torch."""

import importlib
import pickle
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.config_ids import look_up
from medgantry.errors import InvalidBundle

SCRIPTS = "scripts"
"""Folder, and so package, of a bundle's own Python."""


def make_parser(bundle: Bundle, config: Mapping[str, Any]) -> ConfigParser:
    """A parser of one of a bundle's configs, which finds the bundle's own folder and scripts.

    Args:
        bundle: Trusted: parsing runs the config's expressions, and its scripts.
        config: Of the bundle; what is changed in it stays here.
    """
    changed = deepcopy(dict(config))  # parsing rewrites ids in place
    if "bundle_root" in changed:
        changed["bundle_root"] = str(bundle.folder)
    if (bundle.folder / SCRIPTS).is_dir():
        _use_scripts(bundle.folder)
    return ConfigParser(changed)


def _use_scripts(folder: Path) -> None:
    """Let `scripts` be this bundle's: every bundle calls its package so."""
    for name in [name for name in sys.modules if name == SCRIPTS or name.startswith(f"{SCRIPTS}.")]:
        del sys.modules[name]
    sys.path[:] = [str(folder), *(place for place in sys.path if place != str(folder))]
    importlib.invalidate_caches()


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
    load_state(bundle.weights, network)


def load_state(path: Path, network: torch.nn.Module) -> None:
    """Load a file of weights into a network.

    Raises:
        InvalidBundle: If it holds more than tensors, or they are not the network's.
    """
    state = read_state(path)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InvalidBundle(f"The weights {path.name} are not the network's: {error}.") from error


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
