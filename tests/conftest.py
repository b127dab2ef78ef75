"""Fixtures with the real servers and with phantoms."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from medgantry.phantoms.brain_tumor import write_task
from medgantry.storage import ObjectStore
from pipelines.runners.stack import Stack
from tests.orthanc import Orthanc

settings.register_profile("fuzz", max_examples=3000, deadline=None)
# No test is timed: on a busy machine any may take long.
settings.register_profile("usual", deadline=None)
settings.load_profile("usual")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runners side by side begin with whole pipelines, so that none is left alone with one at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("e2e") is None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real S3 and MLflow servers, for the whole session."""
    with Stack(tmp_path_factory.mktemp("stack")) as servers:
        yield servers


@pytest.fixture
def store(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An empty place of its own on the server; the environment names it, as in a step."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_SESSION_TOKEN", "MEDGANTRY_S3_SSE", "MEDGANTRY_S3_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDGANTRY_STORE", f"s3://medgantry/{uuid4().hex}")
    monkeypatch.setenv("MEDGANTRY_RUN_ID", "test")
    return ObjectStore.from_environment()


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Decathlon folder of 8 sound cases; not to be changed."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_task(folder, cases=8, broken=0)
    return folder


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """A real PACS, shared: store under patients of your own, and query for them."""
    with Orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server
