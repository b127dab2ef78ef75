"""KServe behind the API server: a storage initialiser and a model server for each InferenceService, or a script."""

import contextlib
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from medgantry.storage.files import locate
from pipelines.runners.ports import free_port
from tests.cluster.api_server import ApiServer, Object, Refusal
from tests.cluster.operators import condition

SERVICES = ("serving.kserve.io", "inferenceservices")


def served(generation: int, url: str = "http://model.test", **more: object) -> Object:
    """The status of an InferenceService whose newest spec is served."""
    revision = f"r-{generation:05d}"
    return {
        "observedGeneration": generation,
        "conditions": [condition("PredictorReady"), condition("Ready"), condition("Stopped", "False")],
        "modelStatus": {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded"}},
        "components": {"predictor": {"latestCreatedRevision": revision, "latestReadyRevision": revision}},
        "address": {"url": url},
        **more,
    }


class KServeOperator:
    """Brings each release and serves it by the runtime's own command, as the runtime's manifest says it.

    Args:
        server: The API server.
        runtime: The ServingRuntime.
        environment: ConfigMap or Secret name -> its variables.
        folder: For releases and logs.
    """

    def __init__(
        self, server: ApiServer, runtime: Object, environment: Mapping[str, Mapping[str, str]], folder: Path
    ) -> None:
        self._server, self._runtime, self._environment, self._folder = server, runtime, environment, folder
        self._servers: dict[tuple[str, int], tuple[subprocess.Popen[bytes], str]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)
        for process, _ in self._servers.values():
            process.kill()

    def _loop(self) -> None:
        while not self._stopping.wait(0.1):
            services = self._server.list(*SERVICES)
            names = {item["metadata"]["name"] for item in services}
            for key in [key for key in self._servers if key[0] not in names]:
                self._servers.pop(key)[0].kill()
            for item in services:
                if (item.get("status") or {}).get("observedGeneration") != item["metadata"]["generation"]:
                    with contextlib.suppress(Refusal):  # deleted meanwhile
                        self._serve(item)

    def _serve(self, service: Object) -> None:
        name, generation = service["metadata"]["name"], service["metadata"]["generation"]
        # What users had stays ready and keeps its address while the change is on its way.
        before = (service.get("status") or {}) | {"observedGeneration": generation}
        before["modelStatus"] = {"transitionStatus": "InProgress"}
        self._server.patch(*SERVICES, name, {"status": before}, sub="status")
        model = service["spec"]["predictor"]["model"]
        folder = self._folder / f"{name}-{generation}"
        self._bring(model["storageUri"], folder)
        process, url = self._start(name, folder)
        self._servers[name, generation] = process, url
        status = served(generation, url)
        if not _answers(process, url):
            failure = {"reason": "ModelLoadFailed", "message": "see the log"}
            status["modelStatus"] = {"transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": failure}
        self._server.patch(*SERVICES, name, {"status": status}, sub="status")
        for key in [key for key in self._servers if key[0] == name and key[1] != generation]:
            self._servers.pop(key)[0].kill()

    def _bring(self, uri: str, folder: Path) -> None:
        """The storage initialiser: every object below the URI, markers too."""
        place = locate(uri)
        assert not isinstance(place, Path)
        store, key = place
        for item in store.list(f"{key}/"):
            target = folder / item.key.removeprefix(f"{key}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            store.download(item.key, target)

    def _start(self, name: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
        (container,) = self._runtime["spec"]["containers"]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        for source in container["envFrom"]:
            environment |= self._environment[(source.get("configMapRef") or source["secretRef"])["name"]]
        port = free_port()
        values = {"{{.Name}}": name, "/mnt/models": str(folder), "8080": str(port)}
        arguments = list(container["args"])
        for old, new in values.items():
            arguments = [item.replace(old, new) for item in arguments]
        command = [sys.executable, *container["command"][1:], *arguments, "--tethered"]
        with (self._folder / f"{folder.name}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        return process, f"http://127.0.0.1:{port}"


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{url}/v2/health/ready", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        time.sleep(0.2)
    return False
