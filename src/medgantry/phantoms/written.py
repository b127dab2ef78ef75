"""What a phantom's folder says of itself: the settings that decide every byte, so that it is written once.

The settings are written first and a known file last: what an interrupted run left is ours, and incomplete.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medgantry.errors import Mismatch

SETTINGS_FILE = "phantom.json"


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Say in a folder, which is made, what it is to hold."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_text(json.dumps(settings) + "\n", encoding="utf-8")


def is_written(folder: Path, settings: Mapping[str, Any], last: Path) -> bool:
    """Tell whether a folder holds exactly what these settings make, the last file included.

    Args:
        folder: The folder.
        settings: JSON-ready.
        last: The file that is written last.

    Raises:
        Mismatch: It holds something else.
    """
    remedy = "Choose another folder, or remove this one."
    if (folder / SETTINGS_FILE).exists():
        found = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        if found != json.loads(json.dumps(settings)):
            raise Mismatch(f"{folder} holds a phantom made with {found}, wanted {dict(settings)}.", remedy)
        return last.exists()
    if folder.exists() and any(folder.iterdir()):
        raise Mismatch(f"{folder} is not empty and holds no phantom (no {SETTINGS_FILE}).", remedy)
    return False
