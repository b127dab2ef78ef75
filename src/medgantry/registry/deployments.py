"""What shall be served, as `deploy` wrote it: `deployments/<name>.json`."""

import json
from typing import Any

from medgantry.storage import ObjectStore

_FOLDER = "deployments/"
_STATUS = ".status.json"


def desired_key(name: str) -> str:
    """Where the desired state of a deployment lies."""
    return f"{_FOLDER}{name}.json"


def status_key(name: str) -> str:
    """Where whoever owns the place says how far it is."""
    return f"{_FOLDER}{name}{_STATUS}"


def read_desired(store: ObjectStore) -> dict[str, dict[str, Any]]:
    """Name -> model, version, prefix and generation of everything that shall be served."""
    keys = [item.key for item in store.list(_FOLDER) if item.key.endswith(".json")]
    return {
        key.removeprefix(_FOLDER).removesuffix(".json"): json.loads(store.get_bytes(key))
        for key in keys
        if not key.endswith(_STATUS)
    }
