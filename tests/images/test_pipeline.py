"""The brain-tumour pipeline in the images gives what it gives as processes, and reaches nothing but its servers."""

import json
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from components import images
from images import build
from medgantry.fingerprint import hash_file
from medgantry.phantoms.brain_tumor import write_task
from pipelines.runners.containers import Containers
from pipelines.runners.display import Display
from pipelines.runners.step_logs import StepLogs

pytestmark = [pytest.mark.images, pytest.mark.timeout(3600)]

OVERRIDE = '{"epochs": 2, "patch_size": [32, 32, 32], "batch_size": 2}'


@pytest.fixture(scope="module")
def socket(
    engine: str, built: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Docker's own socket, or Podman's service on one of ours; every image is built."""
    for name in build.NAMES:
        built(name)
    if engine == "docker":
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return
    address = f"unix://{tmp_path_factory.mktemp('podman')}/podman.sock"
    service = subprocess.Popen([engine, "system", "service", "--time=0", address])
    deadline = time.monotonic() + 20
    while not Path(address.removeprefix("unix://")).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    yield address
    service.terminate()
    service.wait()


def run(folder: Path, source: Path, place: str, socket: str) -> dict[str, Any]:
    folder.mkdir()
    command = [sys.executable, "-m", "pipelines", "run", "brain_tumor_segmentation", "--json", "--on", place]
    for setting in (f"source={source}", "shard_mib=4", f"override={OVERRIDE}"):
        command += ["-p", setting]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(build.ROOT), "DOCKER_HOST": socket}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def hashes(folder: Path) -> dict[str, str]:
    """Of tables and ledgers as the steps wrote them, and of every shard."""
    (run_folder,) = (folder / ".medgantry/runs").iterdir()
    found = {}
    for path in run_folder.rglob("*.parquet"):
        if path.parent.name in ("cohort", "divided", "shards"):
            found[f"{path.parent.name}/{path.name}"] = hash_file(path)
    (index,) = run_folder.rglob("shards/index.json")
    for number, shard in enumerate(json.loads(index.read_text())["shards"]):
        found[f"shard {number}"] = shard["sha256"]
    return found


def test_containers_give_what_processes_give(socket: str, tmp_path: Path) -> None:
    source = tmp_path / "Task01_BrainTumour"
    write_task(source, cases=12, broken=2, seed=3, size=(40, 44, 32))
    here = run(tmp_path / "processes", source, "subprocess", socket)
    there = run(tmp_path / "containers", source, "containers", socket)
    assert there["ledger"] == here["ledger"]
    assert hashes(tmp_path / "containers") == hashes(tmp_path / "processes")
    assert len(hashes(tmp_path / "containers")) >= 9
    assert there["endpoint"]["equal"] is True
    for region, value in here["metrics"]["dice"].items():
        assert there["metrics"]["dice"][region]["estimate"] == pytest.approx(value["estimate"], abs=1e-6)
    engine = docker.DockerClient(base_url=socket)
    assert not engine.containers.list(all=True, filters={"label": "medgantry.home"})
    assert not [item for item in engine.networks.list() if item.name.startswith("medgantry-")]


HOUSE = """
import os, socket, sys
assert os.getuid() != 0 and os.access("/tmp", os.W_OK)
for folder in ("/", "/opt/medgantry", "/usr", "/var", "/etc", "/home"):
    try:
        open(os.path.join(folder, "probe"), "w")
    except OSError:
        continue
    sys.exit(f"{folder} is writable")
for address in (("192.0.2.1", 443), ("1.1.1.1", 443), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, timeout=3)
    except OSError:
        continue
    sys.exit(f"{address} is reached")
with socket.create_connection(os.environ["MEDGANTRY_S3_ENDPOINT"].split(":"), timeout=3) as server:
    server.sendall(b"GET /")
"""


def test_a_step_is_no_root_writes_nowhere_else_and_reaches_its_servers_alone(
    socket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", socket)
    logs = StepLogs(tmp_path / "logs", Display())
    place = Containers(tmp_path)
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        environment = {
            "MEDGANTRY_S3_ENDPOINT": f"127.0.0.1:{server.server_address[1]}",
            "MEDGANTRY_S3_TLS": "false",
            "MEDGANTRY_CACHE": str(tmp_path / "cache"),
        }
        try:
            place.open(environment)
            for name in build.NAMES.values():
                code = place.run_step(logs, name, ["python", "-c", HOUSE], {})
                assert code == 0, logs.failures
            assert place.run_step(logs, images.DATA, ["sh", "-c", "exit 3"], {}) == 3
        finally:
            place.close()
            server.shutdown()
