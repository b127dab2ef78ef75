"""A server under mixed load: sound, wrong, huge, slow and aborted requests of many clients at once.

A minute in the usual run; `MEDGANTRY_SOAK_MINUTES` (30 in `make soak`) says otherwise.
"""

import base64
import gzip
import os
import random
import signal
import socket
import threading
import time
from collections import Counter

import numpy as np
import pytest
import urllib3

from medgantry.storage.folders import published_hash
from tests.medgantry.brightness import CHANNELS, make_bundle, write_case
from tests.medgantry.serving.served import NAME, served

CLIENTS = 16
SMALL = {
    "MEDGANTRY_SERVING_REQUEST_MIB": "4",
    "MEDGANTRY_SERVING_UNPACKED_MIB": "16",
    "MEDGANTRY_SERVING_BODY_SECONDS": "3",
    "MEDGANTRY_SERVING_QUEUE": "6",
}


class Load:
    """Clients that ask until they are told to stop, and count what they get."""

    def __init__(self, server, sound, wanted):
        self.server, self.sound, self.wanted = server, sound, wanted
        self.ended = threading.Event()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(CLIENTS)]

    def run(self, seconds, watch=lambda: None):
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            watch()
            time.sleep(0.5)
        self.ended.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _ask(self, number):
        choose = random.Random(number)
        kinds = [self._sound] * 10 + [self._invalid, self._huge, self._bomb, self._slow, self._aborted]
        while not self.ended.is_set():
            try:
                choose.choice(kinds)()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                self.statuses["lost", 0] += 1
                if self.server.process.poll() is None and "Remote end closed" not in str(error):
                    continue

    def _sound(self):
        began = time.monotonic()
        response = self.server.ask({"inputs": self.sound})
        self.statuses["sound", response.status] += 1
        if response.status == 200:
            self.seconds.append(time.monotonic() - began)
            found = {output["name"]: output["data"] for output in response.json()["outputs"]}
            if found["label_map"] != self.wanted:
                self.wrong.append("another label map")
        elif response.status in (429, 503):
            time.sleep(0.05)
        else:
            self.wrong.append(f"a sound request got {response.status}")

    def _refused(self, kind, request):
        response = self.server.ask(request)
        self.statuses[kind, response.status] += 1
        if not 400 <= response.status < 500 and response.status != 503:
            self.wrong.append(f"{kind} got {response.status}")

    def _invalid(self):
        self._refused("invalid", {"inputs": [{**one, "data": ["no volume"]} for one in self.sound]})

    def _huge(self):
        self._refused("huge", {"inputs": [{**self.sound[0], "data": ["A" * (5 << 20)]}]})

    def _bomb(self):
        data = base64.b64encode(gzip.compress(bytes(64 << 20), 1)).decode()
        self._refused("bomb", {"inputs": [{**one, "data": [data]} for one in self.sound]})

    def _partly(self, wait):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            head = f"POST /v2/models/{NAME}/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{{"
            connection.sendall(head.encode())
            if wait:
                connection.settimeout(20)
                status = connection.recv(64).split(b" ")
                self.statuses["slow", int(status[1]) if len(status) > 1 else 0] += 1

    def _slow(self):
        self._partly(wait=True)

    def _aborted(self):
        self._partly(wait=False)
        self.statuses["aborted", 0] += 1


@pytest.fixture
def asked(store, tmp_path):
    """A bundle, a request, and the label map that it must be answered with."""
    bundle = make_bundle(tmp_path / "bundle")
    images, _ = write_case(tmp_path / "case", 1)
    sound = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(p.read_bytes()).decode()]}
        for name, p in zip(CHANNELS, images, strict=True)
    ]
    return bundle, sound


def answer_of(server, sound):
    response = server.ask({"inputs": sound})
    assert response.status == 200
    return {output["name"]: output["data"] for output in response.json()["outputs"]}["label_map"]


def hold_up(asked, store, seconds, capsys):
    bundle, sound = asked
    with served(bundle.folder, store, SMALL) as server:
        load = Load(server, sound, answer_of(server, sound))
        memory: list[float] = []
        load.run(seconds, lambda: memory.append(server.memory_mib))
        answer_of(server, sound)
        assert server.process.poll() is None
    third = len(memory) // 3
    settled, at_end = float(np.median(memory[third : 2 * third])), float(np.median(memory[2 * third :]))
    p50, p99 = np.percentile(load.seconds, [50, 99])
    with capsys.disabled():
        print(
            f"\n{seconds:.0f} s, {CLIENTS} clients: {len(load.seconds) / seconds:.1f} answers/s, p50 {p50:.2f} s, "
            f"p99 {p99:.2f} s; memory {settled:.0f} -> {at_end:.0f} MiB; {dict(sorted(load.statuses.items()))}"
        )
    assert load.wrong == []
    for kind, status in (("sound", 200), ("sound", 429), ("invalid", 400), ("slow", 408)):
        assert load.statuses[kind, status], load.statuses
    assert at_end - settled < 0.1 * settled


def test_mixed_load_is_answered_or_refused(asked, store, capsys):
    hold_up(asked, store, 45, capsys)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_mixed_load_for_half_an_hour(asked, store, capsys):
    hold_up(asked, store, 60 * float(os.environ.get("MEDGANTRY_SOAK_MINUTES", "30")), capsys)


def test_a_server_that_is_killed_under_load_is_ready_again_and_leaves_the_store_whole(asked, store):
    bundle, sound = asked
    request = {
        "inputs": sound,
        "outputs": [{"name": "label_map_nifti"}],
        "parameters": {"output_prefix": store.uri("answers/killed")},
    }
    with served(bundle.folder, store, SMALL) as server:
        wanted = answer_of(server, sound)
        first = server.ask(request)
        whole = store.get_bytes("answers/killed/label_map.nii.gz")
        assert first.status == 200
        load = Load(server, sound, wanted)
        threading.Timer(3.0, server.process.send_signal, (signal.SIGKILL,)).start()
        load.run(6)
        assert server.process.wait(10) == -signal.SIGKILL
    assert load.wrong == []
    assert published_hash(store, "serving/model/1")
    assert store.get_bytes("answers/killed/label_map.nii.gz") == whole
    with served(bundle.folder, store, SMALL) as server:
        assert answer_of(server, sound) == wanted
