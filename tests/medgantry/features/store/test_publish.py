"""Publishing on a real S3 server."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.store import published as published_module
from medgantry.features.store.feast_library import load_feast
from medgantry.features.store.historical import open_feast
from medgantry.features.store.publish import publish
from medgantry.features.store.published import Published, folder
from medgantry.features.store.registry import Registry
from medgantry.features.store.step import publish_step
from medgantry.features.table import FeatureTable
from medgantry.storage import ObjectStore
from tests.medgantry.features.store.tables import AGE, PROJECT, SEX, STAGE, radiomics, rejected, table

FORK = multiprocessing.get_context("fork")  # Feast is imported once


@pytest.fixture(autouse=True)
def _feast() -> None:
    load_feast()


def objects(store: ObjectStore) -> dict[str, str]:
    return {item.key: item.etag for item in store.list("feature-store/")}


def current(store: ObjectStore, view: str) -> FeatureTable:
    version = Registry(store, PROJECT).version(view)
    return Published.download(store, folder(PROJECT, view, version)).table


def test_publishing_twice_changes_no_object(store: ObjectStore) -> None:
    first = publish(store, PROJECT, "radiomics", radiomics({"a": 1, "b": 2}))
    before = objects(store)
    again = publish(store, PROJECT, "radiomics", radiomics({"a": 1, "b": 2}))
    assert not first.reused
    assert again.reused
    assert objects(store) == before
    assert len(before) == 5  # three files, their marker, the registry


def test_a_changed_table_is_a_version_of_its_own_and_the_old_one_stays(store: ObjectStore) -> None:
    first = publish(store, PROJECT, "radiomics", radiomics({"a": 1, "b": 2}))
    second = publish(store, PROJECT, "radiomics", radiomics({"a": 1, "b": 3, "c": 4}, [rejected("d")]))
    assert (second.change.added, second.change.changed, second.change.withdrawn) == (1, 1, 0)
    created = {row["subject_id"]: row["created_timestamp"] for row in current(store, "radiomics").rows}
    assert created["b"] == created["c"] > created["a"]
    assert Published.download(store, first.prefix).table.content_hash == first.published.table.content_hash
    assert Registry(store, PROJECT).versions() == {"radiomics": second.published.version}


def test_another_schema_is_refused_and_leaves_all_as_it_was(store: ObjectStore) -> None:
    publish(store, PROJECT, "clinical", table([AGE, SEX], {"a": {0: {"age": 50.0}}}))
    before = objects(store)
    with pytest.raises(Mismatch, match="age has unit 'mo', not 'a'"):
        publish(store, PROJECT, "clinical", table([replace(AGE, unit="mo"), SEX], {"a": {0: {"age": 600.0}}}))
    assert objects(store) == before
    publish(store, PROJECT, "clinical_months", table([replace(AGE, unit="mo")], {"a": {0: {"age": 600.0}}}))
    assert set(Registry(store, PROJECT).versions()) == {"clinical", "clinical_months"}


@pytest.mark.parametrize("name", ["", "a b", "a__b", "_a", "a_", "1a", "a/b", "ä"])
def test_a_name_that_cannot_be_is_refused(store: ObjectStore, name: str) -> None:
    with pytest.raises(InvalidInput, match="letters, digits"):
        publish(store, PROJECT, name, radiomics({"a": 1}))
    with pytest.raises(InvalidInput, match="letters, digits"):
        publish(store, name, "radiomics", radiomics({"a": 1}))


def test_what_columns_mean_is_in_feasts_registry(store: ObjectStore, tmp_path: Path) -> None:
    column = replace(STAGE, description="by pathology", source="Pathological T stage")
    done = publish(
        store, PROJECT, "clinical", table([AGE, column], {"a": {0: {"age": 50.0}}}, cohort={"hash": "abc"})
    )
    Registry(store, PROJECT).save(tmp_path / "registry.db")
    view = open_feast(PROJECT, tmp_path / "registry.db").get_feature_view("clinical")
    fields = {field.name: field for field in view.schema}
    assert fields["age"].tags == {
        "role": "baseline", "kind": "number", "unit": "a", "source": "Age at diagnosis", "modality": "clinical",
    }  # fmt: skip
    assert fields["stage"].tags["milestone"] == "surgery"
    assert fields["stage"].tags["categories"] == '["I","II"]'
    assert fields["stage"].description == "by pathology"
    assert str(fields["age"].dtype), str(fields["stage"].dtype) == ("Float64", "String")
    assert view.tags["version"] == done.published.version
    assert view.tags["provenance.cohort"] == '{"hash":"abc"}'
    assert view.join_keys == ["subject_id"]
    assert not view.ttl
    assert (view.batch_source.timestamp_field, view.batch_source.created_timestamp_column) == (
        "event_timestamp",
        "created_timestamp",
    )


def _publish_many(own: str) -> None:
    store = ObjectStore.from_environment()
    for number in range(4):
        publish(store, PROJECT, f"{own}{number}", radiomics({own: number}))
        publish(store, PROJECT, "shared", radiomics({f"{own}{number}": number}))


def test_two_processes_lose_nothing_of_each_other(store: ObjectStore) -> None:
    workers = [FORK.Process(target=_publish_many, args=(own,)) for own in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    wanted = {f"{own}{number}" for own in "ab" for number in range(4)}
    assert set(Registry(store, PROJECT).versions()) == wanted | {"shared"}
    assert set(current(store, "shared").subjects) == wanted


def _die_before(where: str) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if where == "files":
        published_module.publish_folder = lambda store, prefix, path: (
            store.put_file(f"{prefix}/features.parquet", path / "features.parquet"),
            die(),
        )
    else:
        Registry.commit = die  # type: ignore[method-assign]
    publish(ObjectStore.from_environment(), PROJECT, "radiomics", radiomics({"a": 9, "z": 9}))


@pytest.mark.parametrize("where", ["files", "registry"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_killed_publisher_leaves_the_view_as_it_was(store: ObjectStore, where: str, first: bool) -> None:
    if not first:
        publish(store, PROJECT, "radiomics", radiomics({"a": 1}))
    before = Registry(store, PROJECT).versions()
    worker = FORK.Process(target=_die_before, args=(where,))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    assert Registry(store, PROJECT).versions() == before
    if not first:
        assert current(store, "radiomics").subjects == ["a"]
    publish(store, PROJECT, "radiomics", radiomics({"a": 9, "z": 9}))
    assert current(store, "radiomics").subjects == ["a", "z"]


def test_the_online_store_has_the_last_row_of_each_subject(store: ObjectStore, tmp_path: Path) -> None:
    course = {
        "a": {0: {"age": 50.0, "sex": "male"}, 10: {"age": 51.0, "sex": None}},
        "b": {5: {"age": None, "sex": "female"}},
    }
    table([AGE, SEX], course).save(tmp_path / "table")
    settings = {"type": "sqlite", "path": str(tmp_path / "online.db")}
    before = None
    for _ in range(2):
        publish_step(tmp_path / "table", view="clinical", project=PROJECT, online=json.dumps(settings))
        assert before in (None, objects(store))
        before = objects(store)
    Registry(store, PROJECT).save(tmp_path / "registry.db")
    found = open_feast(PROJECT, tmp_path / "registry.db", settings).get_online_features(
        features=["clinical:age", "clinical:sex"], entity_rows=[{"subject_id": name} for name in "abc"]
    )
    assert found.to_dict() == {
        "subject_id": ["a", "b", "c"],
        "age": [51.0, None, None],
        "sex": [None, "female", None],
    }


@pytest.mark.parametrize("online", ["sqlite", '{"type": "nonsense"}'])
def test_an_online_store_that_feast_does_not_know_is_refused(
    store: ObjectStore, tmp_path: Path, online: str
) -> None:
    radiomics({"a": 1}).save(tmp_path / "table")
    with pytest.raises(InvalidInput, match="online must be"):
        publish_step(tmp_path / "table", view="radiomics", project=PROJECT, online=online)
