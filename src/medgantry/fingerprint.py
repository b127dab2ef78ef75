"""Content hashes: of JSON values, files and our own code."""

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import medgantry


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space, so that equal values give equal text.

    Raises:
        ValueError: If the value holds NaN or infinity, which JSON cannot say.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hash_value(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def walk_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """All files below a folder as (relative POSIX path, path), in the order of their names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


@functools.cache
def code_fingerprint() -> str:
    """What our code is: version and hash of the sources, the same in a checkout, an image and an installed wheel.

    Work is keyed by content, and the code is part of that content.
    """
    package = Path(medgantry.__file__).parent
    sources = {
        name: hash_file(path)
        for name, path in walk_files(package)
        if "__pycache__" not in name and not name.endswith(".pyc")
    }
    return f"{medgantry.__version__}+{hash_value(sources)[:16]}"
