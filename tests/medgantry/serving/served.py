"""A real model server as a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil
import urllib3

from medgantry.storage import ObjectStore, fetch_folder, publish_folder
from pipelines.runners.ports import free_port

NAME = "model"


class Server:
    """A server, once it is ready.

    Args:
        folder: The served copy.
        environment: Besides this process's own.
        page: Whether it shows its page.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], page: bool) -> None:
        self.port, self.grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_name(f"{folder.name}-{self.port}.log")
        command = [sys.executable, "-m", "medgantry.serving", "--name", NAME, "--folder", str(folder)]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--grpc-port", str(self.grpc_port)]
        command += ["--page"] if page else []
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                [*command, "--tethered"],
                env={**os.environ, **environment},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def wait(self, seconds: float = 120.0) -> None:
        """Until it says that it is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                if (
                    urllib3.request("GET", f"{self.url}/v2/health/ready", retries=False, timeout=2).status
                    == 200
                ):
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-3000:])

    def ask(self, request: Mapping[str, Any], timeout: float = 120.0) -> urllib3.BaseHTTPResponse:
        """Infer by plain JSON."""
        url = f"{self.url}/v2/models/{NAME}/infer"
        return urllib3.request("POST", url, json=request, timeout=timeout, retries=False)

    @property
    def memory_mib(self) -> float:
        """Resident memory."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20


@contextmanager
def served(
    folder: Path,
    store: ObjectStore,
    environment: Mapping[str, str] = MappingProxyType({}),
    *,
    page: bool = False,
) -> Iterator[Server]:
    """Publish a model as `deploy` does, and serve the copy."""
    publish_folder(store, "serving/model/1", folder)
    copy = folder.with_name("served")
    if not copy.exists():
        fetch_folder(store, "serving/model/1", copy)
    server = Server(copy, environment, page)
    try:
        server.wait()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def outputs(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """Outputs by name."""
    assert response.status == 200, response.data[:2000]
    return {output["name"]: output["data"] for output in response.json()["outputs"]}
