"""The steps `publish_features` and `join_features`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.errors import InvalidInput
from medgantry.features.store.explain import STEP as JOIN
from medgantry.features.store.historical import open_feast
from medgantry.features.store.join import join
from medgantry.features.store.joined_view import JoinedView, look_up
from medgantry.features.store.online import materialise
from medgantry.features.store.point_in_time import prediction_times
from medgantry.features.store.publish import check_name, publish
from medgantry.features.store.published import Published, folder
from medgantry.features.store.registry import Registry
from medgantry.features.store.report import combinations, write_report
from medgantry.features.table import FeatureTable
from medgantry.parameters import json_object
from medgantry.steps import step
from medgantry.storage import ObjectStore


def publish_step(table_folder: Path, *, view: str, project: str, online: str) -> str:
    """Publish a table's folder; returns the version's URI."""
    table = FeatureTable.open(table_folder)
    name = view or _modality(table)
    with step(f"publish_features_{name}") as record:  # a run has several
        store, settings = ObjectStore.from_environment(), json_object("online", online)
        done = publish(store, project, name, table)
        record.use(done.prefix)
        record.reused = done.reused
        record.verdicts = ledger.counts(table.entries)
        record.facts = {
            "view": f"{project}.{name}",
            "version": done.published.version,
            "subjects": len(done.published.table.subjects),
            **asdict(done.change),
        }
        if settings:
            materialise(store, project, name, settings)
        return store.uri(done.prefix)


def join_step(outcomes_folder: Path, output: Path, report: Path, *, views: str, project: str) -> None:
    """Join outcomes with what the views knew at the prediction times."""
    with step(JOIN) as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        outcomes = FeatureTable.open(outcomes_folder)
        names = [name.strip() for name in views.split(",") if name.strip()]
        found = _look_up(ObjectStore.from_environment(), project, names, outcomes, Path(scratch))
        joined = join(outcomes, found)
        joined.table.save(output)
        write_report(report, outcomes, found, joined)
        record.verdicts = ledger.counts(joined.table.entries)
        record.facts = {
            "content_hash": joined.table.content_hash,
            "subjects": len(joined.table.rows),
            "columns": len(joined.table.columns),
            "modalities": dict(combinations(found, joined)),
            "left_out": dict(joined.left_out),
        }
        for view in found:
            record.use(view.published.prefix(project, view.name))


def _look_up(
    store: ObjectStore, project: str, names: Sequence[str], outcomes: FeatureTable, scratch: Path
) -> list[JoinedView]:
    if not names or len(set(names)) != len(names):
        raise InvalidInput(
            f"views must name feature views, each once, separated by commas; found {list(names)}."
        )
    check_name("project", project)
    times = prediction_times(outcomes)
    registry = Registry(store, project)
    versions = {name: registry.version(name) for name in names}
    registry.save(scratch / "registry.db")
    feature_store = open_feast(project, scratch / "registry.db")
    return [
        look_up(feature_store, name, Published.download(store, folder(project, name, version)), times)
        for name, version in versions.items()
    ]


def _modality(table: FeatureTable) -> str:
    found = sorted({column.modality for column in table.columns if column.modality})
    if len(found) != 1:
        raise InvalidInput(
            f"view is empty, so that the table's one modality would name it; the table has {found}.",
            "Set view.",
        )
    return found[0]
