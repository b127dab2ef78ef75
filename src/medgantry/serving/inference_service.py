"""KServe's InferenceService: the object we ask for, and what its status says.

The modes go by their older names, `Serverless` and `RawDeployment`: KServe 0.15 knows no others, and later
releases take both (https://kserve.github.io/website/docs/concepts/architecture/control-plane).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from medgantry.cluster import Manifest, Resource
from medgantry.errors import InvalidInput
from medgantry.serving.target import Release

RESOURCE = Resource("serving.kserve.io", "v1beta1", "inferenceservices")
RUNTIME = "medgantry-monai"
SERVICE_ACCOUNT = "medgantry-serve"
_MODES = {"Knative": "Serverless", "Standard": "RawDeployment"}
_LOADS = {"Knative": 1, "Standard": 80}
_ACCESS: Manifest = {
    "serviceAccountName": SERVICE_ACCOUNT,
    "automountServiceAccountToken": False,
    "timeout": 600,
}
_COLOURS = ("blue", "green")
_VERSION_LABEL = "medgantry.dev/model-version"


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What a model gets of the cluster.

    Attributes:
        mode: `Knative` or `Standard`.
        replicas: `least-most`; Knative goes down to 0.
        load: What another replica is started at: requests in flight at one replica (Knative), or percent of the
            requested CPU (Standard). 0 for 1 and 80.
        memory: Limit of one replica.
        gpus: Of one replica.
    """

    mode: str = "Knative"
    replicas: str = "1-1"
    load: int = 0
    memory: str = "8Gi"
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise InvalidInput(f"mode must be one of {tuple(_MODES)}, got {self.mode!r}.")
        least, most = self.bounds
        if self.mode == "Standard" and least == 0:
            raise InvalidInput(
                f"replicas={self.replicas}: only Knative goes down to 0.", "Say mode=Knative, or 1-1."
            )
        if least > most or most == 0 or self.load < 0 or self.gpus < 0:
            raise InvalidInput(
                f"replicas={self.replicas} load={self.load} gpus={self.gpus} can't be served.",
                "replicas is least-most such as 1-3; load and gpus are 0 or more.",
            )

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and most replicas."""
        least, _, most = self.replicas.partition("-")
        if not (least.isdigit() and most.isdigit()):
            raise InvalidInput(f"replicas is least-most such as 1-3, got {self.replicas!r}.")
        return int(least), int(most)

    def scaling(self) -> Manifest:
        """The predictor's replicas and what adds one."""
        least, most = self.bounds
        metric = "concurrency" if self.mode == "Knative" else "cpu"
        load = self.load or _LOADS[self.mode]
        return {"minReplicas": least, "maxReplicas": most, "scaleMetric": metric, "scaleTarget": load}

    def resources(self) -> Manifest:
        """Of the model's container; requests of CPU and memory are the runtime's."""
        limits: Manifest = {"memory": self.memory}
        if self.gpus:
            limits["nvidia.com/gpu"] = str(self.gpus)
        return {"limits": limits}


def manifest(name: str, release: Release, uri: str, capacity: Capacity) -> Manifest:
    """An InferenceService that serves one release to everyone; it has no owner, so it outlives every run.

    Args:
        name: The endpoint.
        release: What is served.
        uri: Its immutable copy, `s3://...`.
        capacity: Replicas and sizes.
    """
    predictor = {**_ACCESS, **capacity.scaling(), "model": _model(uri, capacity)}
    if (
        capacity.mode == "Standard"
    ):  # Knative spreads by itself, and refuses constraints unless told to allow them
        predictor["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": name}},
            }
        ]
    return {
        "apiVersion": RESOURCE.api_version,
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "medgantry", _VERSION_LABEL: str(release.version)},
            "annotations": {"serving.kserve.io/deploymentMode": _MODES[capacity.mode]},
        },
        "spec": {"predictor": predictor},
    }


def _model(uri: str, capacity: Capacity) -> Manifest:
    return {
        "runtime": RUNTIME,
        "modelFormat": {"name": "monai-bundle", "version": "1"},
        "protocolVersion": "v2",
        "storageUri": uri,
        "resources": capacity.resources(),
    }


def storage_uri(service: Mapping[str, Any]) -> str:
    """The release that the predictor serves."""
    return str(service["spec"]["predictor"].get("model", {}).get("storageUri", ""))


def is_split(service: Mapping[str, Any]) -> bool:
    """Whether two releases share the requests."""
    return bool(service["spec"].get("canary")) or "canaryTrafficPercent" in service["spec"]["predictor"]


def split_knative(wanted: Manifest, percent: int) -> Manifest:
    """Give what is wanted a part of the requests; Knative keeps the revision before it for the rest."""
    return wanted | {"spec": {"predictor": wanted["spec"]["predictor"] | {"canaryTrafficPercent": percent}}}


def split_standard(live: Manifest, wanted: Manifest, percent: int, capacity: Capacity) -> Manifest:
    """Give what is wanted a part of the requests beside what is live (KServe 0.20 and later).

    The two predictors are told apart by a colour, which the canary keeps when it is promoted.
    """
    stable = as_ours(live, wanted)
    taken = stable["spec"]["predictor"].get("name")
    colour = _COLOURS[0] if taken == _COLOURS[1] else _COLOURS[1]
    model = {"name": "kserve-container", **_model(storage_uri(wanted), capacity)}
    entry = {"trafficPercent": percent, "predictor": {"name": colour, **_ACCESS, "model": model}}
    return stable | {"spec": {"predictor": stable["spec"]["predictor"], "canary": [entry]}}


def replacing(live: Mapping[str, Any], wanted: Manifest) -> Manifest:
    """Give what is wanted all requests: a canary that serves it already is promoted without a restart."""
    predictors = [item["predictor"] for item in live["spec"].get("canary") or []]
    uri = storage_uri(wanted)
    promoted = [item["name"] for item in predictors if item["model"]["storageUri"] == uri]
    name = promoted[0] if promoted else live["spec"]["predictor"].get("name")
    return wanted | {"spec": {"predictor": wanted["spec"]["predictor"] | ({"name": name} if name else {})}}


def as_ours(live: Mapping[str, Any], wanted: Manifest) -> Manifest:
    """What is live, in the fields that we set and no others."""
    spec = live["spec"]
    fields = {*wanted["spec"]["predictor"], "canaryTrafficPercent", "name"}
    predictor = {key: value for key, value in spec["predictor"].items() if key in fields}
    canary = {"canary": spec["canary"]} if spec.get("canary") else {}
    labels = {key: live["metadata"]["labels"][key] for key in wanted["metadata"]["labels"]}
    return wanted | {
        "metadata": wanted["metadata"] | {"labels": labels},
        "spec": {"predictor": predictor, **canary},
    }


class Readiness(NamedTuple):
    """What a status says about the object as it was asked for."""

    ready: bool
    hopeless: bool
    message: str


def readiness(service: Mapping[str, Any]) -> Readiness:
    """Whether the newest spec is served: a condition Ready may still speak of the one before.

    Args:
        service: The InferenceService, with its status.
    """
    status = service.get("status") or {}
    if (
        status.get("observedGeneration", service["metadata"]["generation"])
        != service["metadata"]["generation"]
    ):
        return Readiness(False, False, "KServe has not seen the change yet")
    canaries = status.get("canaryStatuses") or []
    for model in (status.get("modelStatus") or {}, *(item.get("modelStatus") or {} for item in canaries)):
        transition = model.get("transitionStatus", "")
        if transition in ("BlockedByFailedLoad", "InvalidSpec"):
            failure = model.get("lastFailureInfo") or {}
            told = " ".join(str(failure[key]) for key in ("reason", "message", "exitCode") if key in failure)
            return Readiness(False, True, f"{transition}: {told}")
        if transition not in ("UpToDate", ""):
            return Readiness(False, False, f"the model is {transition}")
    conditions = [item for item in status.get("conditions") or [] if item["type"] != "Stopped"]
    for item in conditions:
        if item["status"] != "True":
            told = f"{item.get('reason', '')} {item.get('message', '')}".strip()
            return Readiness(False, False, f"{item['type']} is {item['status']}: {told}")
    if not any(item["type"] == "Ready" for item in conditions) or not status.get("modelStatus"):
        return Readiness(False, False, "KServe has said nothing yet")
    return _revisions(service, status, canaries)


def _revisions(service: Mapping[str, Any], status: Mapping[str, Any], canaries: list[Any]) -> Readiness:
    predictor = (status.get("components") or {}).get("predictor") or {}
    created, latest = predictor.get("latestCreatedRevision"), predictor.get("latestReadyRevision")
    if created != latest:
        return Readiness(False, False, f"revision {created} is not ready, {latest} is")
    asked = {item["predictor"]["name"] for item in service["spec"].get("canary") or []}
    missing = asked - {item["name"] for item in canaries if item.get("ready")}
    if missing:
        return Readiness(False, False, f"canary {', '.join(sorted(missing))} is not ready")
    return Readiness(True, False, "")


def address(service: Mapping[str, Any]) -> str:
    """Where the cluster's own pods reach it."""
    status = service["status"]
    return str((status.get("address") or {}).get("url") or status["url"]).rstrip("/")
