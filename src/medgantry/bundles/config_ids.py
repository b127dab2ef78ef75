"""Ids of a bundle's config, such as `train#handlers#0`, read and set without MONAI.

Source of the notation: MONAI's ConfigParser, https://docs.monai.io/en/stable/config_syntax.html.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def look_up(config: Any, identity: str) -> Any:
    """The part of a config that an id names; None when there is none."""
    for part in identity.replace("::", "#").split("#"):  # MONAI takes either
        if isinstance(config, Mapping):
            config = config.get(part)
        elif isinstance(config, Sequence) and not isinstance(config, str) and part.isdigit():
            config = config[int(part)] if int(part) < len(config) else None
        else:
            return None
    return config


def follow(config: Mapping[str, Any], value: Any) -> Any:
    """What a reference (`@id`, or the macro `%id`) stands for in the end; other values stand for themselves."""
    seen: set[str] = set()
    while isinstance(value, str) and value[:1] in ("@", "%") and value not in seen:
        seen.add(value)
        value = look_up(config, value[1:])
    return value


def set_value(config: dict[str, Any], identity: str, value: Any) -> bool:
    """Set an id that exists; False when it does not."""
    parent_id, _, key = identity.replace("::", "#").rpartition("#")
    parent = look_up(config, parent_id) if parent_id else config
    if isinstance(parent, dict) and key in parent:
        parent[key] = value
        return True
    if isinstance(parent, list) and key.isdigit() and int(key) < len(parent):
        parent[int(key)] = value
        return True
    return False
