"""The supervisor of served models on a laptop: makes what `deployments/*.json` asks for."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import urllib3

from medgantry.errors import MedgantryError
from medgantry.fingerprint import canonical_json
from medgantry.registry.deployments import read_desired, status_key
from medgantry.storage import ObjectStore
from pipelines.runners.stack_state import alive, process_record

_START_SECONDS = 150.0


class Endpoints:
    """Model servers of one home folder.

    Args:
        home: Where `endpoints.json` and logs lie.
        environment: The stack's, for the servers.
        store: Where desired state is read and status written.
    """

    def __init__(self, home: Path, environment: dict[str, str], store: ObjectStore) -> None:
        self._home, self._environment, self._store = home, environment, store
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
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
            _end(server)

    def detach(self) -> None:
        """Stop watching and leave the servers; `down` ends them later."""
        self._end_watch()
        self._remember()

    def _remember(self) -> None:
        """Name the running servers, so that the next start ends what a killed runner left."""
        kept = [process_record(s.pid) for s in self._servers.values() if s.poll() is None]
        (self._home / "endpoints.json").write_text(json.dumps(kept))

    def _end_watch(self) -> None:
        self._ending.set()
        if self._thread.ident:
            self._thread.join(timeout=_START_SECONDS)

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
                _end(self._servers.pop(name))
                self.urls.pop(name, None)
                self._generations.pop(name, None)
                self._remember()

    def _serve(self, name: str, desired: dict[str, str]) -> None:
        old = self._servers.pop(name, None)
        if old is not None:
            _end(old)
        port = _free_port()
        log = self._home / "logs" / f"endpoint-{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "medgantry.serving.server", "--name", name]
        command += ["--prefix", desired["prefix"], "--port", str(port), "--host", "127.0.0.1"]
        with log.open("wb") as stream:
            self._servers[name] = subprocess.Popen(
                command,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a server that is kept outlives this process
            )
        self._remember()
        url = f"http://127.0.0.1:{port}"
        fault = self._await(name, url, log)
        status = {"generation": desired["generation"], "url": url, "state": "failed" if fault else "running"}
        if not fault:
            self.urls[name] = url
        status["message"] = fault
        self._store.put_bytes(status_key(name), canonical_json(status).encode())

    def _await(self, name: str, url: str, log: Path) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._servers[name].poll() is not None:
                return f"the model server ended: {log.read_text()[-1500:]}"
            try:
                answer = urllib3.request("GET", f"{url}/v2/models/{name}/ready", timeout=2.0, retries=False)
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
        process = alive(record)
        if process is not None:
            _end(process)
    path.unlink()


def _end(process: psutil.Process | subprocess.Popen[bytes]) -> None:
    """Terminate, or kill what does not listen; one that has ended is left alone."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(timeout=5)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
