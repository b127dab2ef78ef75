"""Feast, imported when a step needs it and not before: the import takes seconds.

In an image it is installed like all else. On a laptop it lies in a folder of the environment of its own: its plugin
(entry point `mlflow.request_header_provider`, feast 0.67) makes every MLflow client of its environment import torch.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from medgantry.errors import InvalidInput

FOLDER = "feature-store/site-packages"  # by that name, tools know that it is not our code


@cache
def load_feast() -> ModuleType:
    """Feast; from then on its submodules can be imported too, and it reads `s3://` from our object store.

    Raises:
        InvalidInput: If it is neither installed nor beside the environment.
    """
    beside = Path(sys.prefix) / FOLDER
    if not importlib.util.find_spec("feast"):
        if not (beside / "feast").is_dir():
            raise InvalidInput(
                f"Feast was wanted; it is neither installed nor in {beside}.",
                "Run `make` with any target, or install medgantry[feature-store].",
            )
        sys.path.append(str(beside))
    with _lean():
        feast = importlib.import_module("feast")
    from fsspec import register_implementation  # type: ignore[import-untyped]

    from medgantry.features.store.s3_files import S3Files

    register_implementation("s3", S3Files, clobber=True)
    return feast


@contextmanager
def _lean() -> Iterator[None]:
    """Keep two things out of Feast's import that no step uses: 5.5 s of CPU become 2 s.

    torch, which it imports where it finds it; and typeguard, which compiles Feast's classes anew to check the types
    of arguments.
    """
    typeguard: Any = importlib.import_module("typeguard")
    hidden = "torch" not in sys.modules
    checked = typeguard.typechecked
    typeguard.typechecked = typeguard.typeguard_ignore
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        typeguard.typechecked = checked
        if hidden:
            del sys.modules["torch"]
