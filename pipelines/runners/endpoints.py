"""The supervisor of served models on a laptop: makes what `deployments/*.json` asks for."""

import json
import threading
import time
from pathlib import Path

import urllib3

from medgantry.errors import MedgantryError
from medgantry.fingerprint import canonical_json
from medgantry.registry.deployments import read_desired, status_key
from medgantry.storage import ObjectStore
from pipelines.runners.place import ModelServer, Place
from pipelines.runners.subprocess import end_recorded

_START_SECONDS = 600.0
"""A server answers its model's golden case before it is ready: on a laptop a whole volume may take minutes."""
_END_SECONDS = 30.0


class Endpoints:
    """Model servers of one home folder.

    Args:
        home: Where `endpoints.json` and logs lie.
        place: Where they live.
        store: Where desired state is read and status written.
    """

    def __init__(self, home: Path, place: Place, store: ObjectStore) -> None:
        self._home, self._place, self._store = home, place, store
        self._servers: dict[str, ModelServer] = {}
        self._generations: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to watch; deployments of earlier runs are not started again."""
        stop_kept(self._home)
        for name, desired in read_desired(self._store).items():
            self._generations[name] = desired["generation"]
        self._thread.start()

    def start_all(self) -> None:
        """Serve everything that was ever deployed here."""
        stop_kept(self._home)
        for name, desired in read_desired(self._store).items():
            self._serve(name, desired)

    def stop(self) -> None:
        """Stop watching and end the servers."""
        self._end_watch()
        (self._home / "endpoints.json").unlink(missing_ok=True)
        for server in self._servers.values():
            server.stop()

    def detach(self) -> None:
        """Stop watching and leave the servers; `down` ends them later."""
        self._end_watch()
        self._remember()

    def _remember(self) -> None:
        """Name the running servers, so that the next start ends what a killed runner left."""
        kept = [server.record() for server in self._servers.values()]
        (self._home / "endpoints.json").write_text(json.dumps(kept))

    def _end_watch(self) -> None:
        self._ending.set()
        if self._thread.ident:
            self._thread.join(timeout=_END_SECONDS)

    def _watch(self) -> None:
        while not self._ending.wait(0.5):
            try:
                wanted = read_desired(self._store)
            except MedgantryError:  # the store may be away for a while; what is asked for stays asked for
                continue
            for name, desired in wanted.items():
                if self._generations.get(name) != desired["generation"]:
                    self._generations[name] = desired["generation"]
                    self._serve(name, desired)
            for name in [name for name in self._servers if name not in wanted]:
                self._servers.pop(name).stop()
                self.urls.pop(name, None)
                self._generations.pop(name, None)
                self._remember()

    def _serve(self, name: str, desired: dict[str, str]) -> None:
        old = self._servers.pop(name, None)
        if old is not None:
            old.stop()
        log = self._home / "logs" / f"endpoint-{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        server = self._servers[name] = self._place.serve(name, desired["prefix"], log)
        self._remember()
        url = server.url
        fault = self._await(name, server, log)
        status = {"generation": desired["generation"], "url": url, "state": "failed" if fault else "running"}
        if not fault:
            self.urls[name] = url
        status["message"] = fault
        self._store.put_bytes(status_key(name), canonical_json(status).encode())

    def _await(self, name: str, server: ModelServer, log: Path) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and not self._ending.is_set():
            if server.ended():
                return f"the model server ended: {log.read_text()[-1500:]}"
            try:
                answer = urllib3.request(
                    "GET", f"{server.url}/v2/models/{name}/ready", timeout=2.0, retries=False
                )
                if answer.status == 200:
                    return ""
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.2)
        return f"the model server was not ready in {_START_SECONDS:.0f} s: {log.read_text()[-1500:]}"


def stop_kept(home: Path) -> None:
    """End the servers that an earlier run left on purpose."""
    path = home / "endpoints.json"
    if not path.is_file():
        return
    for record in json.loads(path.read_text()):
        end_recorded(record)
    path.unlink()
