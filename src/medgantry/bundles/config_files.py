"""A bundle's config files: JSON or YAML, read and written as they are, unresolved."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from medgantry.bundles.config_ids import set_value
from medgantry.errors import InvalidBundle


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """A bundle's config file, JSON or YAML, unresolved.

    Raises:
        InvalidBundle: If there is none, or it does not parse.
    """
    path = config_path(folder, name)
    # YAML 1.1 reads JSON's 1e-05 as text.
    read = json.loads if path.suffix == ".json" else yaml.safe_load
    try:
        document: Any = read(path.read_text())
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidBundle(f"configs/{path.name} of {folder.name} does not parse: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidBundle(f"configs/{path.name} of {folder.name} must be a mapping of ids.")
    return document


def set_config(folder: Path, name: str, identity: str, value: Any) -> bool:
    """Set an id of a bundle's config file; False, and nothing changed, when the config has no such id."""
    config = read_config(folder, name)
    if not set_value(config, identity, value):
        return False
    write_config(folder, name, config)
    return True


def find_config(folder: Path, name: str) -> Path | None:
    """The file of a config; None when there is none."""
    paths = [folder / f"configs/{name}.{suffix}" for suffix in ("yaml", "yml", "json")]
    return next((path for path in paths if path.is_file()), None)


def config_path(folder: Path, name: str) -> Path:
    """The file of a config.

    Raises:
        InvalidBundle: If there is none.
    """
    path = find_config(folder, name)
    if path is None:
        raise InvalidBundle(f"{folder.name} has no configs/{name}.json or .yaml.")
    return path


def write_config(folder: Path, name: str, config: Mapping[str, Any]) -> None:
    """Replace a config file, in its own format."""
    path = config_path(folder, name)
    is_json = path.suffix == ".json"
    path.write_text(json.dumps(config, indent=2) if is_json else yaml.safe_dump(config, sort_keys=False))
