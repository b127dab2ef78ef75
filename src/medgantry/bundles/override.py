"""Overrides: new values for ids that a bundle's configs have."""

from pathlib import Path
from typing import Any

from medgantry.bundles.config_files import find_config, read_config, write_config
from medgantry.bundles.config_ids import look_up, set_value
from medgantry.bundles.stages import loader_id, trainer_id
from medgantry.errors import InvalidBundle
from medgantry.parameters import json_object

_COMMON = {
    "epochs": "train#trainer#max_epochs",
    "batch_size": "train#dataloader#batch_size",
    "learning_rate": "optimizer#lr",
}
"""What everybody wants to change, and where it lies in bundles that have no id of that name."""


def apply_override(folder: Path, override: str) -> None:
    """Merge values into a bundle's config files.

    Args:
        folder: The bundle's.
        override: JSON object of ids and their new values; an id that several configs have is set in each.

    Raises:
        InvalidBundle: If no config has an id.
    """
    changes = json_object("override", override)
    configs = {
        name: read_config(folder, name)
        for name in ("train", "inference", "metadata")
        if find_config(folder, name)
    }
    unused = {key for key, value in changes.items() if not _set_everywhere(configs, key, value)}
    if unused:
        known = sorted({key for config in configs.values() for key in config} | set(_COMMON))
        raise InvalidBundle(
            f"No config of {folder.name} has {sorted(unused)}.",
            f"Top-level ids that can be overridden: {known}.",
        )
    for name in configs if changes else ():
        if configs[name] != read_config(folder, name):
            write_config(folder, name, configs[name])


def _set_everywhere(configs: dict[str, dict[str, Any]], identity: str, value: Any) -> bool:
    found = [set_value(config, identity, value) for config in configs.values()]
    if any(found) or identity not in _COMMON:
        return any(found)
    # A reference is followed to the id that holds the number.
    config = configs.get("train", {})
    place = (
        _COMMON[identity]
        .replace("train#trainer", trainer_id(config))
        .replace("train#dataloader", loader_id(config))
    )
    while isinstance(found := look_up(config, place), str) and found.startswith("@"):
        place = found[1:]
    return set_value(config, place, value)
