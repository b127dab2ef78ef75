"""Results that are JSON objects of the store: when one is there, its work is done, and the first one stands."""

import json
from typing import Any

from medgantry.errors import ObjectMissing, PreconditionFailed
from medgantry.fingerprint import canonical_json
from medgantry.storage.store import ObjectStore


def committed(store: ObjectStore, key: str) -> Any:
    """What was committed; None where nothing was."""
    try:
        return json.loads(store.get_bytes(key))
    except ObjectMissing:
        return None


def commit(store: ObjectStore, key: str, value: Any) -> Any:
    """Commit a result, unless another attempt got as far before.

    Args:
        store: The store.
        key: Where.
        value: JSON-ready.

    Returns:
        What the store holds: this value or the earlier one, as JSON gives it back.
    """
    data = canonical_json(value).encode()
    try:
        store.put_bytes(key, data, if_absent=True)
    except PreconditionFailed:
        data = store.get_bytes(key)
    return json.loads(data)
