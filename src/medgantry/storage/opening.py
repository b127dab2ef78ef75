"""What an earlier run wrote, brought by its URI and checked before anybody sees it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from medgantry.errors import InvalidInput
from medgantry.storage.files import locate
from medgantry.storage.folders import fetch_folder, folder_exists, replace_folder
from medgantry.storage.store import ObjectStore

Noun = TypeVar("Noun")


def bring_folder(uri: str, output: Path, document: str, opened: Callable[[Path], Noun]) -> Noun:
    """Bring a noun's folder.

    Args:
        uri: `s3://...` of a folder that a step published or that KFP keeps as an artifact, or a path.
        output: Where it goes; what is there is replaced, unless opening fails.
        document: The file without which it is none of this kind.
        opened: Opens and checks the folder.

    Returns:
        What was opened.

    Raises:
        InvalidInput: If there is no such folder; or what `opened` raises.
    """
    beside = output.with_name(f".{output.name}.opening")
    shutil.rmtree(beside, ignore_errors=True)
    place = locate(uri)
    if isinstance(place, Path):
        if not (place / document).is_file():
            raise _missing(str(place), document)
        shutil.copytree(place, beside)
    else:
        _fetch(*place, beside, document)
    noun = opened(beside)
    replace_folder(beside, output)
    return noun


def _fetch(store: ObjectStore, prefix: str, folder: Path, document: str) -> None:
    if folder_exists(store, prefix):
        fetch_folder(store, prefix, folder)
        return
    # KFP uploads artifacts file by file, without a marker.
    keys = [item.key for item in store.list(f"{prefix}/")]
    if f"{prefix}/{document}" not in keys:
        raise _missing(store.uri(prefix), document)
    for key in keys:
        store.download(key, folder / key.removeprefix(f"{prefix}/"))


def _missing(place: str, document: str) -> InvalidInput:
    return InvalidInput(
        f"{place} holds no {document}, seen from where this step runs.",
        "Check the URI: docs/monitoring.md tells how to find it. A path is one of a laptop.",
    )
