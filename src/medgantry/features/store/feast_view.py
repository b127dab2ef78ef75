"""A view in Feast's words: all that a feature table says of its columns, as tags that plain Feast shows too."""

from datetime import UTC, datetime
from typing import Any

from medgantry.features.column import NUMBER, Column
from medgantry.features.store.feast_library import load_feast
from medgantry.features.store.published import CREATED, DATA, Published
from medgantry.features.store.registry import VERSION
from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable
from medgantry.fingerprint import canonical_json
from medgantry.storage import ObjectStore

ENTITY = "subject"
_PERMANENT = datetime(1970, 1, 1, tzinfo=UTC)
"""Feast notes when objects were made; versions say that better."""


def describe(store: ObjectStore, project: str, view: str, published: Published, latest: FeatureTable) -> Any:
    """Entity, source and view as Feast objects.

    Args:
        store: Where the version is.
        project: Name of the Feast project.
        view: Name of the view.
        published: The version.
        latest: The table that was published last.
    """
    feast = load_feast()
    from feast.types import Float64, String

    entity = feast.Entity(
        name=ENTITY,
        join_keys=[SUBJECT],
        value_type=feast.ValueType.STRING,
        description="A patient, by the pseudonym that images and tables share.",
    )
    source = feast.FileSource(
        name=view,
        path=store.uri(f"{published.prefix(project, view)}/{DATA}"),
        timestamp_field=TIMESTAMP,
        created_timestamp_column=CREATED,
    )
    fields = [
        feast.Field(
            name=column.name,
            dtype=Float64 if column.kind == NUMBER else String,
            description=column.description,
            tags=_tags(column),
        )
        for column in published.table.columns
    ]
    provenance = {f"provenance.{name}": _text(value) for name, value in latest.provenance.items()}
    made = feast.FeatureView(
        name=view,
        entities=[entity],
        source=source,
        schema=[feast.Field(name=SUBJECT, dtype=String), *fields],
        ttl=None,
        tags={VERSION: published.version, "table": latest.content_hash, **provenance},
    )
    for item in (entity, source, made):
        item.created_timestamp = item.last_updated_timestamp = _PERMANENT
    return entity, source, made


def _tags(column: Column) -> dict[str, str]:
    known = {
        "role": column.role,
        "kind": column.kind,
        "unit": column.unit,
        "source": column.source,
        "modality": column.modality,
        "milestone": column.milestone,
        "categories": canonical_json(list(column.categories)) if column.categories else "",
    }
    return {name: value for name, value in known.items() if value}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
