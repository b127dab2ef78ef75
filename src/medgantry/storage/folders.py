"""Folders in the object store that appear whole or not at all.

The files go up first, then `_SUCCESS`, a JSON list of every file with its SHA-256: a folder without it does
not exist. Work is keyed by content, so a folder is written once and never changed.
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from medgantry.errors import InvalidInput, PreconditionFailed
from medgantry.fingerprint import canonical_json, hash_file, hash_value, walk_files
from medgantry.storage.store import ObjectStore

MARKER = "_SUCCESS"
_PARALLEL_FILES = 8


def folder_exists(store: ObjectStore, prefix: str) -> bool:
    """Whether a folder was published under the prefix."""
    return store.exists(f"{prefix}/{MARKER}")


def published_hash(store: ObjectStore, prefix: str) -> str:
    """Hash of a published folder: of every file's name and content, as `copied_hash` of a copy."""
    return hash_value(json.loads(store.get_bytes(f"{prefix}/{MARKER}"))["files"])


def copied_hash(folder: Path) -> str:
    """Hash of a copy of a published folder, whoever made it, with or without the marker."""
    return hash_value({name: hash_file(path) for name, path in walk_files(folder) if name != MARKER})


def publish_folder(store: ObjectStore, prefix: str, folder: Path) -> None:
    """Upload a folder, then commit it; somebody else's earlier commit of the same content stands."""
    files = dict(walk_files(folder))
    with ThreadPoolExecutor(_PARALLEL_FILES) as pool:
        list(pool.map(lambda item: store.put_file(f"{prefix}/{item[0]}", item[1]), files.items()))
    manifest = {"files": {name: hash_file(path) for name, path in files.items()}}
    try:
        store.put_bytes(f"{prefix}/{MARKER}", canonical_json(manifest).encode(), if_absent=True)
    except PreconditionFailed:
        return


def fetch_folder(store: ObjectStore, prefix: str, folder: Path) -> None:
    """Download a published folder; it appears at `folder` complete, replacing what a failed try left.

    Raises:
        ObjectMissing: If no folder was published there.
        InvalidInput: If a file's content is not what was published.
    """
    manifest = json.loads(store.get_bytes(f"{prefix}/{MARKER}"))["files"]
    beside = folder.with_name(f".{folder.name}.fetching")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)

    def fetch(item: tuple[str, str]) -> None:
        name, wanted = item
        found = store.download(f"{prefix}/{name}", beside / name)
        if found != wanted:
            raise InvalidInput(
                f"{store.uri(f'{prefix}/{name}')} was published with sha256 {wanted}, found {found}.",
                "The object was changed or damaged: remove the folder and repeat the command.",
            )

    with ThreadPoolExecutor(_PARALLEL_FILES) as pool:
        list(pool.map(fetch, manifest.items()))
    replace_folder(beside, folder)


def replace_folder(source: Path, target: Path) -> None:
    """Move a finished folder to its place; what a failed attempt left there is removed first."""
    if target.is_dir():
        shutil.rmtree(target)
    elif target.exists():
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
