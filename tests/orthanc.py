"""A real PACS for tests: Orthanc with its DICOMweb plugin, on this machine only, with a login and known peers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any, Self

import pytest

from pipelines.runners.ports import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
READY_SECONDS = 30.0


def require_orthanc() -> str:
    """The program; the test is skipped where it is not installed."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    if program is None or not PLUGIN.exists():
        pytest.skip("needs Orthanc: apt-get install orthanc orthanc-dicomweb")
    return program


class Orthanc:
    """One server with its own folder and ports; a context manager.

    Attributes:
        title: Its AE title; associations that call another are rejected.
        calling: AE title that may query, retrieve and store; C-MOVE to it goes to `listen` on this machine.
        listen: Where `calling` listens.
        username: Of its HTTP login.
        password: Of its HTTP login.
    """

    title = "ORTHANC"
    calling = "MEDGANTRY"
    username = "alice"
    password = "wonderland"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.http_port, self.dicom_port, self.listen = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # nobody needs its data any more

    @property
    def pid(self) -> int:
        """Of the server's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def dicomweb(self) -> str:
        """Address of its DICOMweb service."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    @property
    def dimse(self) -> str:
        """URI of a source by C-GET."""
        return f"dimse://{self.title}@127.0.0.1:{self.dicom_port}?calling={self.calling}"

    @property
    def environment(self) -> dict[str, str]:
        """Its login."""
        return {"MEDGANTRY_DICOMWEB_USERNAME": self.username, "MEDGANTRY_DICOMWEB_PASSWORD": self.password}

    def start(self) -> None:
        """Start the server on its data and its ports, and wait until it answers."""
        program = require_orthanc()
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / "orthanc.json"
        path.write_text(json.dumps(self._configuration()))
        with (self.home / "log.txt").open("ab") as log:
            self._process = subprocess.Popen([program, str(path)], stdout=log, stderr=log, cwd=self.home)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.get("/system")
                return
            except (urllib.error.URLError, ConnectionError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError((self.home / "log.txt").read_text(errors="replace")[-3000:]) from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server; its data stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, whatever it is doing."""
        self._end(signal.SIGKILL)

    def get(self, path: str) -> Any:
        """What its own REST interface answers."""
        return json.loads(self._request("GET", path))

    def clear(self) -> None:
        """Delete all that it holds."""
        for patient in self.get("/patients"):
            self._request("DELETE", f"/patients/{patient}")

    def _request(self, method: str, path: str) -> bytes:
        login = b64encode(f"{self.username}:{self.password}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}",
            method=method,
            headers={"Authorization": f"Basic {login}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
            return content

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            os.kill(self._process.pid, how)
            self._process.wait(30)
            self._process = None

    def _configuration(self) -> dict[str, Any]:
        return {
            "Name": "test",
            "StorageDirectory": str(self.home / "storage"),
            "IndexDirectory": str(self.home / "index"),
            "Plugins": [str(PLUGIN)],
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {self.username: self.password},
            "DicomPort": self.dicom_port,
            "DicomAet": self.title,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowEcho": False,
            "DicomAlwaysAllowFind": False,
            "DicomAlwaysAllowGet": False,
            "DicomAlwaysAllowMove": False,
            "DicomAlwaysAllowStore": False,
            "DicomModalities": {"medgantry": [self.calling, "127.0.0.1", self.listen]},
            "DicomScuTimeout": 5,
            "StorageAccessOnFind": "Never",
            "ConcurrentJobs": 2,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
