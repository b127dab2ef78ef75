"""The object store: objects, folders published as one, and sources of data."""

from medgantry.storage.folders import fetch_folder, folder_exists, publish_folder
from medgantry.storage.store import ObjectStore

__all__ = ["ObjectStore", "fetch_folder", "folder_exists", "publish_folder"]
