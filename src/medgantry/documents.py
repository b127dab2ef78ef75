"""The JSON files of the nouns: each says which schema it is of, and is refused when it is another."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.fingerprint import canonical_json


def write_document(path: Path, schema: str, content: Mapping[str, Any]) -> None:
    """Write a file of a schema; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(canonical_json({"schema": schema, **content}))


def read_document(path: Path, schema: str) -> dict[str, Any]:
    """The content of a file, without its schema's name.

    Raises:
        InvalidInput: If the file is missing, no JSON object, or of another schema.
    """
    if not path.is_file():
        raise InvalidInput(f"{path.parent} holds no {schema}: {path.name} is missing.")
    try:
        document: Any = json.loads(path.read_text())
    except ValueError as error:
        raise InvalidInput(
            f"{path} is no JSON: {error}.", "Make it again with the step that wrote it."
        ) from error
    found = document.pop("schema", "none") if isinstance(document, dict) else "none"
    if found != schema:
        raise InvalidInput(
            f"{path} must be of schema {schema}, found {found}.", "Make it with this version of the steps."
        )
    return dict(document)
