"""What a run must survive: its store gone for a while, its runner killed. Short in CI, long in `make soak`."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from medgantry.phantoms.brain_tumor import write_task
from medgantry.storage import ObjectStore
from tests.pipelines.laptop import Laptop, as_options

pytestmark = pytest.mark.e2e

OVERRIDE = '{"epochs": 5, "patch_size": [32, 32, 32], "batch_size": 2}'
PATIENCE = 300.0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "Task01_BrainTumour"
    write_task(folder, cases=12, broken=0, seed=2)
    return folder


class Runner:
    """`python -m pipelines run` in a folder of its own."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        parameters = {"source": str(source), "shard_mib": 2, "override": OVERRIDE}
        self.process = Laptop(folder).start(
            *("run", "brain_tumor_segmentation", "--json", *as_options(parameters)),
            stdout=(folder / "out.json").open("w"),
            stderr=(folder / "err.txt").open("w"),
        )

    def stack(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / ".medgantry/stack.json").read_text())
        return document

    def stored(self, part: str) -> list[str]:
        """Keys of the store that hold a text."""
        environment = self.stack()["environment"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return [item.key for item in ObjectStore.from_environment().list("") if part in item.key]

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, (self.folder / "err.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def has_begun(self, step: str) -> bool:
        return any(self.folder.glob(f".medgantry/runs/*/logs/*-{step}.log"))

    def result(self) -> dict[str, Any]:
        code = self.process.wait(PATIENCE)
        assert code == 0, (self.folder / "err.txt").read_text()
        document: dict[str, Any] = json.loads((self.folder / "out.json").read_text())
        return document


def _freeze(server: psutil.Process, seconds: float) -> psutil.Process:
    server.suspend()
    time.sleep(seconds)
    server.resume()
    return server


def _restart(server: psutil.Process, seconds: float) -> psutil.Process:
    command, environment, folder = server.cmdline(), server.environ(), server.cwd()
    server.kill()
    time.sleep(seconds)
    again = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    return psutil.Process(again.pid)


@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.soak)])
@pytest.mark.parametrize("outage", [_freeze, pytest.param(_restart, marks=pytest.mark.soak)])
def test_the_store_goes_away_during_preprocessing_and_a_checkpoint(
    tmp_path: Path, source: Path, seconds: float, outage: Callable[[psutil.Process, float], psutil.Process]
) -> None:
    runner = Runner(tmp_path, source)
    try:
        runner.wait_for(lambda: runner.has_begun("preprocess-shard"))
        server = outage(psutil.Process(runner.stack()["processes"]["storage"]["pid"]), seconds)
        runner.wait_for(lambda: runner.has_begun("train") and runner.stored("/checkpoints/epoch-"))
        # An epoch takes a second: some checkpoint's upload falls into the outage.
        server = outage(server, seconds)
        document = runner.result()
    finally:
        runner.process.kill()
    if outage is _restart:
        server.kill()
    assert document["endpoint"]["equal"] is True
    assert document["ledger"]["rejected"] == 0


@pytest.mark.soak
def test_a_runner_killed_five_times_ends_with_what_an_undisturbed_one_has(
    tmp_path: Path, source: Path
) -> None:
    folders = {name: tmp_path / name for name in ("calm", "killed")}
    for folder in folders.values():
        folder.mkdir()
    calm = Runner(folders["calm"], source).result()
    moments = random.Random(0)
    for _ in range(5):
        runner = Runner(folders["killed"], source)
        time.sleep(moments.uniform(8, 40))
        os.kill(runner.process.pid, signal.SIGKILL)
        runner.process.wait()
    killed = Runner(folders["killed"], source).result()
    hashes = [
        next(row for row in document["steps"] if row["step"] == "merge_shards")["facts"][0]["shards_hash"]
        for document in (calm, killed)
    ]
    assert hashes[0] == hashes[1]
    assert killed["metrics"]["dice"] == calm["metrics"]["dice"]
    assert killed["endpoint"]["equal"] is True
