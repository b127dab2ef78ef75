"""A store or a PACS that is away: 503 in words and in time, a server that lives on, and 200 when it is back."""

import base64
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psutil
import pytest

from medgantry.dicom.network.dicomweb import DicomWeb
from medgantry.phantoms.dicom.series import make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.storage import ObjectStore
from pipelines.runners.stack import Stack
from tests.medgantry.brightness import CHANNELS, make_bundle, write_case
from tests.medgantry.serving.served import served
from tests.orthanc import Orthanc

DEADLINE = 150.0
"""Seconds in which every answer comes: a step would wait for a store for 180."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of our own, as we take it away, with the S3 server's process."""
    with Stack(tmp_path_factory.mktemp("stack")) as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        patch.setenv("MEDGANTRY_STORE", f"s3://medgantry/{uuid4().hex}")
        endpoint = stack.environment["MEDGANTRY_S3_ENDPOINT"]
        yield ObjectStore.from_environment(), StoreProcess(stack.storage_pid), endpoint


@pytest.fixture(scope="module")
def pacs(tmp_path_factory):
    """A PACS of our own with a series, and its address."""
    with Orthanc(tmp_path_factory.mktemp("orthanc")) as orthanc, pytest.MonkeyPatch.context() as patch:
        for name, value in orthanc.environment.items():
            patch.setenv(name, value)
        spec = SeriesSpec(slices=8, rows=16, columns=16)
        paths = []
        for number, dataset in enumerate(make_series(spec).datasets):
            paths.append(orthanc.home / f"{number}.dcm")
            write_dataset(dataset, paths[-1])
        assert all(one.accepted for one in DicomWeb(orthanc.dicomweb).store(paths))
        yield orthanc, f"dicomweb+{orthanc.dicomweb}/studies/{spec.study_uid}/series/{spec.series_uid}"


class StoreProcess:
    """Like `Orthanc`: what can be ended and started again."""

    def __init__(self, pid):
        self._process = psutil.Process(pid)

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        found = self._process
        self._again = found.cmdline(), found.environ(), found.cwd()
        found.kill()
        found.wait()

    def start(self):
        command, environment, folder = self._again
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen(command, env=environment, cwd=folder, **quiet)
        self._process = psutil.Process(child.pid)


class Ended:
    """Nobody listens any more: connections are refused."""

    def __init__(self, servers):
        self._servers = servers

    def __enter__(self):
        for server in self._servers:
            server.kill()

    def __exit__(self, *_):
        for server in self._servers:
            server.start()


class Frozen:
    """Connections are accepted, and nobody ever answers."""

    def __init__(self, servers):
        self._processes = [psutil.Process(server.pid) for server in servers]

    def __enter__(self):
        for process in self._processes:
            process.suspend()

    def __exit__(self, *_):
        for process in self._processes:
            process.resume()


def inputs(items):
    return [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [item]}
        for name, item in zip(CHANNELS, items, strict=True)
    ]


@pytest.mark.parametrize("outage", [Ended, Frozen])
def test_it_is_told_in_time_and_the_server_answers_what_needs_neither(outage, store, pacs, tmp_path):
    place, process, endpoint = store
    orthanc, series = pacs
    images, _ = write_case(tmp_path / "case", 1)
    for path in images:
        place.put_file(f"inbox/{path.name}", path)
    sent = inputs([base64.b64encode(path.read_bytes()).decode() for path in images])
    target = {
        "outputs": [{"name": "label_map_nifti"}],
        "parameters": {"output_prefix": place.uri("answers/a")},
    }
    requests = {
        "sent": ({"inputs": sent}, ""),
        "in the store": ({"inputs": inputs([place.uri(f"inbox/{path.name}") for path in images])}, endpoint),
        "to the store": ({"inputs": sent, **target}, endpoint),
        "in the PACS": ({"inputs": inputs([series] * 3)}, orthanc.dicomweb),
    }
    environment = {
        "MEDGANTRY_SERVING_SOURCES": f"{place.uri('inbox')} dicomweb+{orthanc.dicomweb}",
        "MEDGANTRY_SERVING_CONCURRENCY": "4",
    }
    bundle = make_bundle(tmp_path / "bundle")

    def ask_all():
        with ThreadPoolExecutor(4) as clients:
            return dict(zip(requests, clients.map(ask, requests.values()), strict=True))

    def ask(pair):
        return server.ask(pair[0], timeout=DEADLINE)

    with served(bundle.folder, place, environment) as server:
        before = ask_all()
        assert {name: found.status for name, found in before.items()} == dict.fromkeys(requests, 200)
        with outage([process, orthanc]):
            found = ask_all()
        assert found.pop("sent").json()["outputs"] == before["sent"].json()["outputs"]
        for name, response in found.items():
            text = response.json()["error"]
            assert (response.status, "retry-after" in response.headers) == (503, True), (name, text)
            assert requests[name][1] in text, (name, text)
            assert "Check" in text, (name, text)
            assert "again" in text, (name, text)
        again = ask_all()
        deadline = time.monotonic() + DEADLINE
        while any(response.status != 200 for response in again.values()):
            again = ask_all()
            assert time.monotonic() < deadline, {name: one.data[:300] for name, one in again.items()}
        for name, response in again.items():
            assert response.json()["outputs"] == before[name].json()["outputs"]
