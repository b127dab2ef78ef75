"""Deployment on KServe against the API-server double, with the Roles we ship and a scripted KServe."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from manifests.check import Definitions, faults
from medgantry.cluster import Cluster, ClusterRefused
from medgantry.errors import InvalidInput
from medgantry.serving import kserve
from medgantry.serving.inference_service import RESOURCE, Capacity
from medgantry.serving.kserve import KServe
from medgantry.serving.target import DeploymentFailed, Release
from medgantry.storage import ObjectStore
from tests.cluster.api_server import ApiServer, Object, Refusal
from tests.cluster.kserve_operator import SERVICES, served
from tests.cluster.opening import documents, open_server

NAME = "brain-tumor"
STANDARD = Capacity(mode="Standard", replicas="2-4")
WITH_CANARY = {
    "properties": {
        "spec": {
            "properties": {"canary": {"type": "array"}, "predictor": {"type": "object"}},
            "type": "object",
        }
    }
}
Script = Callable[[Object], Object]


class ScriptedKServe:
    """Answers each change of an InferenceService with a status."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self.script: Script = lambda service: served(service["metadata"]["generation"], **_canaries(service))
        self.seen: list[tuple[str, str]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(10)

    def _loop(self) -> None:
        answered: set[tuple[str, int]] = set()
        while not self._stopping.wait(0.02):
            for service in self._server.list(*SERVICES):
                metadata = service["metadata"]
                if (metadata["uid"], metadata["generation"]) in answered:
                    continue
                answered.add((metadata["uid"], metadata["generation"]))
                self.seen.append((metadata["name"], _uri(service)))
                try:
                    self._server.patch(
                        *SERVICES, metadata["name"], {"status": self.script(service)}, sub="status"
                    )
                except Refusal:  # deleted meanwhile
                    continue


def _canaries(service: Object) -> Object:
    names = [item["predictor"]["name"] for item in service["spec"].get("canary", [])]
    return {"canaryStatuses": [{"name": name, "ready": True, "trafficPercent": 10} for name in names]}


def _uri(service: Object) -> str:
    return str(service["spec"]["predictor"]["model"]["storageUri"])


def release(version: int) -> Release:
    return Release(model=NAME, version=version, prefix=f"serving/{NAME}/{version}")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ApiServer]:
    state = open_server(documents("rbac/pipeline.yaml"), [(*RESOURCE, "InferenceService")])
    path = state.kubeconfig(tmp_path / "kubeconfig", "medgantry-pipeline", "default")
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr(kserve, "_SECONDS_BETWEEN_LOOKS", 0.02)
    yield state
    state.stop()


@pytest.fixture
def operator(server: ApiServer) -> Iterator[ScriptedKServe]:
    running = ScriptedKServe(server)
    yield running
    running.stop()


@pytest.fixture
def target(server: ApiServer, operator: ScriptedKServe, store: ObjectStore) -> Callable[..., KServe]:
    def make(canary: int = 100, capacity: Capacity | None = None, patience: float = 10.0) -> KServe:
        return KServe(Cluster(2.0), store, capacity or Capacity(), canary, print, patience)

    return make


def deployed(target: KServe, version: int) -> str:
    target.stage(release(version))
    return target.promote(release(version)).url


def test_a_candidate_comes_first_and_goes_when_the_endpoint_serves(target, server, operator, store):
    staged = target()
    endpoint = staged.stage(release(1))
    assert endpoint.model == f"{NAME}-candidate"
    assert [item["metadata"]["name"] for item in server.list(*SERVICES)] == [f"{NAME}-candidate"]
    assert staged.promote(release(1)) == (NAME, "http://model.test")
    (service,) = server.list(*SERVICES)
    assert service["metadata"]["name"] == NAME
    assert "ownerReferences" not in service["metadata"]
    assert _uri(service) == store.uri(f"serving/{NAME}/1")
    assert staged.rollout == "full"


def test_the_same_release_again_needs_no_candidate(target, server, operator):
    deployed(target(), 1)
    operator.seen.clear()
    generation = server.get(*SERVICES, NAME)["metadata"]["generation"]
    again = target()
    assert again.stage(release(1)).model == NAME
    again.promote(release(1))
    assert server.get(*SERVICES, NAME)["metadata"]["generation"] == generation
    assert operator.seen == []


def test_a_release_that_does_not_load_never_reaches_the_endpoint(target, server, operator, store, capsys):
    deployed(target(), 1)
    failure = {"reason": "ModelLoadFailed", "message": "no such key", "exitCode": 1}
    blocked = {"transitionStatus": "BlockedByFailedLoad", "lastFailureInfo": failure}
    operator.script = lambda service: served(service["metadata"]["generation"], modelStatus=blocked)
    second = target()
    with pytest.raises(DeploymentFailed, match="BlockedByFailedLoad: ModelLoadFailed no such key 1"):
        second.stage(release(2))
    second.withdraw(release(2))
    (service,) = server.list(*SERVICES)
    assert _uri(service) == store.uri(f"serving/{NAME}/1")


def test_ready_of_the_older_revision_is_not_enough(target, operator):
    def stale(service: Object) -> Object:
        generation = service["metadata"]["generation"]
        revisions = {"predictor": {"latestCreatedRevision": "r-2", "latestReadyRevision": "r-1"}}
        return served(generation, components=revisions)

    deployed(target(), 1)
    operator.script = stale
    with pytest.raises(DeploymentFailed, match="revision r-2 is not ready, r-1 is"):
        target(patience=0.3).stage(release(2))


def test_what_was_served_comes_back_after_a_bad_promotion(target, server, store):
    deployed(target(), 1)
    second = target(capacity=Capacity(replicas="2-5"))
    deployed(second, 2)
    assert _uri(server.get(*SERVICES, NAME)) == store.uri(f"serving/{NAME}/2")
    second.withdraw(release(2))
    service = server.get(*SERVICES, NAME)
    assert _uri(service) == store.uri(f"serving/{NAME}/1")
    assert service["spec"]["predictor"]["maxReplicas"] == 1
    assert service["metadata"]["labels"]["medgantry.dev/model-version"] == "1"


def test_a_first_release_that_is_withdrawn_leaves_nothing(target, server):
    first = target()
    deployed(first, 1)
    first.withdraw(release(1))
    assert server.list(*SERVICES) == []


def test_canary_in_knative_mode_then_more_then_all(target, server, store):
    deployed(target(), 1)
    canary = target(canary=10)
    deployed(canary, 2)
    predictor = server.get(*SERVICES, NAME)["spec"]["predictor"]
    assert predictor["canaryTrafficPercent"] == 10
    assert predictor["model"]["storageUri"] == store.uri(f"serving/{NAME}/2")
    assert canary.rollout == "canary 10 %"
    deployed(target(canary=50), 2)
    assert server.get(*SERVICES, NAME)["spec"]["predictor"]["canaryTrafficPercent"] == 50
    deployed(target(), 2)
    assert "canaryTrafficPercent" not in server.get(*SERVICES, NAME)["spec"]["predictor"]


def test_a_bad_canary_in_knative_mode_gives_its_requests_back(target, server, store):
    deployed(target(), 1)
    canary = target(canary=10)
    deployed(canary, 2)
    canary.withdraw(release(2))
    predictor = server.get(*SERVICES, NAME)["spec"]["predictor"]
    assert "canaryTrafficPercent" not in predictor
    assert predictor["model"]["storageUri"] == store.uri(f"serving/{NAME}/1")


def test_canary_in_standard_mode_is_promoted_without_a_restart(target, server, store):
    server.schemas[RESOURCE.group, RESOURCE.version, "InferenceService"] = WITH_CANARY
    deployed(target(capacity=STANDARD), 1)
    colours = []
    for version in (2, 3):
        deployed(target(canary=10, capacity=STANDARD), version)
        spec = server.get(*SERVICES, NAME)["spec"]
        (entry,) = spec["canary"]
        assert entry["trafficPercent"] == 10
        assert entry["predictor"]["model"]["storageUri"] == store.uri(f"serving/{NAME}/{version}")
        assert not {"maxReplicas", "scaleTarget"} & set(entry["predictor"])
        assert spec["predictor"]["model"]["storageUri"] == store.uri(f"serving/{NAME}/{version - 1}")
        deployed(target(capacity=STANDARD), version)
        spec = server.get(*SERVICES, NAME)["spec"]
        assert "canary" not in spec
        assert spec["predictor"]["name"] == entry["predictor"]["name"]
        assert spec["predictor"]["model"]["storageUri"] == store.uri(f"serving/{NAME}/{version}")
        colours.append(entry["predictor"]["name"])
    assert colours == ["green", "blue"]


def test_going_back_while_a_canary_runs_in_standard_mode(target, server, store):
    server.schemas[RESOURCE.group, RESOURCE.version, "InferenceService"] = WITH_CANARY
    deployed(target(capacity=STANDARD), 1)
    deployed(target(canary=10, capacity=STANDARD), 2)
    deployed(target(capacity=STANDARD), 1)
    spec = server.get(*SERVICES, NAME)["spec"]
    assert "canary" not in spec
    assert spec["predictor"]["model"]["storageUri"] == store.uri(f"serving/{NAME}/1")


def test_where_requests_can_not_be_split_the_candidate_stays_as_a_shadow(target, server, store, capsys):
    deployed(target(capacity=STANDARD), 1)
    shadow = target(canary=10, capacity=STANDARD)
    deployed(shadow, 2)
    assert shadow.rollout == "shadow"
    uris = {item["metadata"]["name"]: _uri(item) for item in server.list(*SERVICES)}
    assert uris == {
        NAME: store.uri(f"serving/{NAME}/1"),
        f"{NAME}-candidate": store.uri(f"serving/{NAME}/2"),
    }
    assert "can't split requests" in capsys.readouterr().out
    deployed(target(capacity=STANDARD), 2)
    (service,) = server.list(*SERVICES)
    assert _uri(service) == store.uri(f"serving/{NAME}/2")


def test_what_others_set_stays(target, server):
    deployed(target(), 1)
    server.patch(*SERVICES, NAME, {"spec": {"predictor": {"nodeSelector": {"zone": "a"}}}})
    deployed(target(), 2)
    assert server.get(*SERVICES, NAME)["spec"]["predictor"]["nodeSelector"] == {"zone": "a"}


def test_the_role_has_the_verbs_that_are_used_and_no_others(target, server):
    server.schemas[RESOURCE.group, RESOURCE.version, "InferenceService"] = WITH_CANARY
    first = target()
    deployed(first, 1)
    first.withdraw(release(1))
    deployed(target(), 1)
    deployed(target(), 2)
    used = {
        call.verb for call in server.calls if call.resource == "inferenceservices" and call.user != "admin"
    }
    roles = documents("rbac/pipeline.yaml")
    (role,) = [
        item for item in roles if item["kind"] == "Role" and item["metadata"]["name"] == "medgantry-deploy"
    ]
    assert used == set(role["rules"][0]["verbs"])


def test_without_the_role_it_says_so(server, operator, store, monkeypatch, tmp_path):
    config = server.kubeconfig(tmp_path / "other", "somebody", "default")
    monkeypatch.setenv("KUBECONFIG", str(config))
    with pytest.raises(ClusterRefused, match="cannot get inferenceservices"):
        KServe(Cluster(1.0), store, Capacity(), 100, print, 5.0).stage(release(1))


def test_a_server_that_is_busy_is_asked_again(target, server):
    server.inject(503, times=2, resource="inferenceservices")
    server.inject(429, times=1, verb="patch", resource="inferenceservices")
    assert deployed(target(), 1) == "http://model.test"


def test_without_kserve_it_says_what_to_install(server, store):
    server._kinds.clear()
    with pytest.raises(InvalidInput, match="Install KServe"):
        KServe(Cluster(1.0), store, Capacity(), 100, print)


@pytest.mark.parametrize("name", ["Brain", "brain_tumor", "b" * 41, "1brain"])
def test_names_that_no_endpoint_can_have(target, name):
    with pytest.raises(InvalidInput, match="can't name an endpoint"):
        target().stage(Release(model=name, version=1, prefix="serving/x/1"))


@pytest.mark.parametrize("canary", [0, 101])
def test_canary_is_a_percentage(target, canary):
    with pytest.raises(InvalidInput, match="1 to 100"):
        target(canary=canary)


@pytest.mark.skipif(not os.environ.get("MEDGANTRY_CRDS"), reason="set MEDGANTRY_CRDS to a folder of CRDs")
@pytest.mark.parametrize(
    "capacity", [Capacity(replicas="0-3", gpus=1), STANDARD], ids=["Knative", "Standard"]
)
def test_every_supported_release_of_kserve_accepts_what_is_applied(target, server, capacity):
    definitions = Definitions.read(Path(os.environ["MEDGANTRY_CRDS"]))
    applied = []
    server._validate = applied.append
    deployed(target(capacity=capacity), 1)
    if capacity.mode == "Knative":
        deployed(target(canary=10, capacity=capacity), 2)
    deployed(target(capacity=capacity), 2)
    assert len(applied) >= 4
    for document in applied:
        assert faults(document, definitions, every_version=True) == []


@pytest.mark.skipif(not os.environ.get("MEDGANTRY_CRDS"), reason="set MEDGANTRY_CRDS to a folder of CRDs")
def test_kserve_with_canaries_accepts_ours(target, server):
    definitions = Definitions.read(Path(os.environ["MEDGANTRY_CRDS"]))
    server.schemas[RESOURCE.group, RESOURCE.version, "InferenceService"] = WITH_CANARY
    deployed(target(capacity=STANDARD), 1)
    deployed(target(canary=10, capacity=STANDARD), 2)
    service = server.get(*SERVICES, NAME)
    service.pop("status")
    assert service["spec"]["canary"]
    assert faults(service, definitions, every_version=False) == []
