from pathlib import Path

import pytest

from medgantry.cluster import Cluster
from medgantry.training.launchers.janitor import sweep
from tests.cluster.api_server import ApiServer, Object
from tests.cluster.operators import PYTORCH, TRAIN, condition

LABELS = {"app.kubernetes.io/part-of": "medgantry", "app.kubernetes.io/component": "training"}


@pytest.fixture
def cluster(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    config = server.kubeconfig(tmp_path / "janitor", "medgantry-janitor", "default")
    monkeypatch.setenv("KUBECONFIG", str(config))
    return Cluster(patience=5)


def _workflow(server: ApiServer, name: str, **changes: object) -> Object:
    body = {"kind": "Workflow", "metadata": {"name": name}, "spec": {}, **changes}
    made = server.create("argoproj.io", "workflows", body)
    if "status" in changes:
        server.patch("argoproj.io", "workflows", name, {"status": changes["status"]}, sub="status")
    return made


def _job(
    server: ApiServer, kind: tuple[str, str], name: str, owner: Object | None, held: list[Object]
) -> None:
    owners = (
        [{"kind": "Workflow", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]
        if owner
        else []
    )
    metadata = {"name": name, "labels": LABELS, "ownerReferences": owners}
    server.create(*kind, {"kind": "Job", "metadata": metadata, "spec": {}})
    server.patch(*kind, name, {"status": {"conditions": held}}, sub="status")


def test_only_what_nobody_waits_for_is_suspended(server: ApiServer, cluster: Cluster) -> None:
    alive = _workflow(server, "alive")
    terminated = _workflow(server, "terminated", spec={"activeDeadlineSeconds": 0})
    ended = _workflow(server, "ended", status={"phase": "Failed"})
    gone: Object = {"metadata": {"name": "gone", "uid": "0"}}
    running = [condition("Running")]
    for kind in (PYTORCH, TRAIN):
        for name, owner in (("alive", alive), ("terminated", terminated), ("ended", ended), ("gone", gone)):
            _job(server, kind, name, owner, running)
        _job(server, kind, "by-hand", None, running)
        done = "Succeeded" if kind == PYTORCH else "Complete"
        _job(server, kind, "done", ended, [condition(done)])
    swept = sweep(cluster)
    assert sorted(swept) == sorted(
        f"{kind}/{name}" for kind in ("pytorchjob", "trainjob") for name in ("terminated", "ended", "gone")
    )
    assert server.get(*TRAIN, "gone")["spec"] == {"suspend": True}
    assert server.get(*PYTORCH, "gone")["spec"] == {"runPolicy": {"suspend": True}}
    assert server.get(*PYTORCH, "alive")["spec"] == {}
    assert sweep(cluster) == []
