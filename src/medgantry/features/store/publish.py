"""Publish a feature table: a new version beside the old one, then one conditional write of the registry."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import tenacity

from medgantry.errors import InvalidInput, PreconditionFailed
from medgantry.features.store.feast_view import describe
from medgantry.features.store.merge import Change, change, check_schema, merge
from medgantry.features.store.published import Published, folder
from medgantry.features.store.registry import Registry
from medgantry.features.table import FeatureTable
from medgantry.storage import ObjectStore

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What became of a table."""

    published: Published
    prefix: str
    """The version's folder in the store."""
    reused: bool
    """Whether the view said all that already."""
    change: Change


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(PreconditionFailed),
    wait=tenacity.wait_random(0, 1),
    stop=tenacity.stop_after_attempt(30),
    reraise=True,
)
def publish(store: ObjectStore, project: str, view: str, table: FeatureTable) -> Publication:
    """Make the table part of a view; when somebody else was faster, the work is done again on what they left.

    A publisher that is killed leaves a folder that no registry names, and the view as it was.

    Raises:
        InvalidInput: If Feast could not have a project or a view of that name, or the table is empty.
        Mismatch: If the view's columns mean something else.
    """
    check_name("project", project)
    check_name("view", view)
    if not table.rows or not table.columns:
        raise InvalidInput(f"A table with rows and columns was wanted for the view {view!r}, found none.")
    registry = Registry(store, project)
    version = registry.versions().get(view, "")
    known = Published.download(store, folder(project, view, version)).table if version else None
    if known:
        check_schema(view, known, table)
    merged = merge(known, table, datetime.now(UTC))
    if merged.version != version:
        merged.upload(store, project, view)
        registry.put(*describe(store, project, view, merged, table))
        registry.commit()
    return Publication(
        published=merged,
        prefix=merged.prefix(project, view),
        reused=merged.version == version,
        change=change(known, merged.table),
    )


def check_name(what: str, name: str) -> None:
    """Refuse a name that Feast, a key in the store or `<view>__<column>` cannot have.

    Raises:
        InvalidInput: With the name.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"A {what} is named by letters, digits and single underscores, a letter first; found {name!r}."
        )
