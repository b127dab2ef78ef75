"""Parameters that hold JSON: KFP turns numbers inside its own dictionaries into floats, so they travel as text."""

import json
from typing import Any

from medgantry.errors import InvalidInput


def json_object(name: str, text: str) -> dict[str, Any]:
    """The object that a parameter's text holds; empty text is an empty object.

    Raises:
        InvalidInput: If it is no JSON object, with the parameter's name.
    """
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise InvalidInput(f'{name} must be JSON such as {{"key": "value"}}: {error}.') from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} must be a JSON object, got {text!r}.")
    return value
