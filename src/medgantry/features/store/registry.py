"""The Feast registry of a project: one object of the store, changed by conditional PUTs alone.

Who publishes at the same time loses nothing: a PUT that would write over somebody else's change is refused.
"""

from pathlib import Path
from typing import Any

from medgantry.errors import InvalidInput, ObjectMissing
from medgantry.features.store.feast_library import load_feast
from medgantry.features.store.published import ROOT
from medgantry.storage import ObjectStore

VERSION = "version"
"""The tag of a view that says which version of it is current."""


class Registry:
    """What the registry was when this object was made, and what is to be changed.

    Args:
        store: The store.
        project: Name of the Feast project.
    """

    def __init__(self, store: ObjectStore, project: str) -> None:
        load_feast()
        from feast.protos.feast.core.Registry_pb2 import Registry as Content

        self.project = project
        self._store, self._key = store, f"{ROOT}/{project}/registry.db"
        self._content = Content()
        self._etag = ""
        try:
            # The ETag first: at worst it is older than the content, and then the commit is refused.
            self._etag = store.stat(self._key).etag
            self._content.ParseFromString(store.get_bytes(self._key))
        except ObjectMissing:
            self._content.registry_schema_version = "1"

    def versions(self) -> dict[str, str]:
        """Current version by view."""
        return {
            view.spec.name: view.spec.tags[VERSION]
            for view in self._content.feature_views
            if VERSION in view.spec.tags
        }

    def version(self, view: str) -> str:
        """Current version of a view.

        Raises:
            InvalidInput: If nothing was published under that name.
        """
        found = self.versions()
        if view not in found:
            raise InvalidInput(
                f"Project {self.project!r} has no feature view {view!r}; it has {sorted(found)}.",
                "Publish the table with publish_features first, or correct the name.",
            )
        return found[view]

    def put(self, entity: Any, source: Any, view: Any) -> None:
        """Set a view with its entity and source, as Feast objects."""
        from feast.project import Project

        described, stored = entity.to_proto(), view.to_proto()
        described.spec.project = stored.spec.project = self.project
        read = source.to_proto()
        read.project = self.project
        _set(self._content.projects, Project(name=self.project).to_proto())
        _set(self._content.entities, described)
        _set(self._content.feature_views, stored)
        _set(self._content.data_sources, read)

    def commit(self) -> None:
        """Write the registry.

        Raises:
            PreconditionFailed: If somebody changed it since it was read; nothing is written.
        """
        self._content.last_updated.GetCurrentTime()
        data = self._content.SerializeToString(deterministic=True)
        if self._etag:
            self._etag = self._store.put_bytes(self._key, data, if_match=self._etag)
        else:
            self._etag = self._store.put_bytes(self._key, data, if_absent=True)

    def save(self, path: Path) -> None:
        """A copy for Feast to work with: what it reads then cannot change on the way."""
        path.write_bytes(self._content.SerializeToString())


def _set(items: Any, proto: Any) -> None:
    """Put a message in the place of the one of its name, or behind the others."""
    for item in items:
        if _name(item) == _name(proto):
            item.CopyFrom(proto)
            return
    items.append(proto)


def _name(proto: Any) -> str:
    return str(proto.spec.name if hasattr(proto, "spec") else proto.name)
