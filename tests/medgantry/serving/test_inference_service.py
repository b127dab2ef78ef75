"""The InferenceService that is asked for, and what its status says."""

import pytest

from medgantry.errors import InvalidInput
from medgantry.serving.inference_service import Capacity, manifest, readiness
from medgantry.serving.target import Release
from tests.cluster.kserve_operator import served
from tests.cluster.operators import condition

RELEASE = Release(model="m", version=3, prefix="serving/m/3")


def predictor(**settings):
    return manifest("m", RELEASE, "s3://b/serving/m/3", Capacity(**settings))["spec"]["predictor"]


def test_knative_scales_on_requests_in_flight_and_down_to_zero():
    found = predictor(replicas="0-4")
    assert (found["minReplicas"], found["maxReplicas"]) == (0, 4)
    assert (found["scaleMetric"], found["scaleTarget"]) == ("concurrency", 1)
    assert "topologySpreadConstraints" not in found


def test_standard_scales_on_cpu_and_spreads():
    found = predictor(mode="Standard", replicas="2-4", load=70)
    assert (found["scaleMetric"], found["scaleTarget"]) == ("cpu", 70)
    (constraint,) = found["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"] == {"serving.kserve.io/inferenceservice": "m"}


def test_accelerators_and_memory_are_limits():
    limits = predictor(gpus=1, memory="16Gi")["model"]["resources"]["limits"]
    assert limits == {"memory": "16Gi", "nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "Serverless"}, "mode must be one of"),
        ({"mode": "Standard", "replicas": "0-1"}, "only Knative goes down to 0"),
        ({"replicas": "3-1"}, "can't be served"),
        ({"replicas": "0-0"}, "can't be served"),
        ({"replicas": "3"}, "least-most"),
        ({"replicas": "a-b"}, "least-most"),
        ({"load": -1}, "can't be served"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(InvalidInput, match=message):
        Capacity(**settings)


def service(status, generation=2, **spec):
    return {"metadata": {"generation": generation}, "spec": {"predictor": {}, **spec}, "status": status}


def test_ready_is_every_sign_together():
    assert readiness(service(served(2))).ready


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observedGeneration": 1}, "not seen the change"),
        ({"modelStatus": {"transitionStatus": "InProgress"}}, "InProgress"),
        ({"modelStatus": {}}, "said nothing"),
        ({"conditions": []}, "said nothing"),
        (
            {"conditions": [condition("Ready"), condition("IngressReady", "False", "X", "no gateway")]},
            "no gateway",
        ),
        ({"conditions": [condition("Ready", "Unknown")]}, "Ready is Unknown"),
        (
            {"components": {"predictor": {"latestCreatedRevision": "b", "latestReadyRevision": "a"}}},
            "revision b is not ready",
        ),
    ],
)
def test_one_sign_missing_is_not_ready(change, message):
    state = readiness(service(served(2) | change))
    assert not state.ready
    assert not state.hopeless
    assert message in state.message


@pytest.mark.parametrize("transition", ["BlockedByFailedLoad", "InvalidSpec"])
def test_a_failed_load_is_hopeless_and_says_why(transition):
    failure = {"reason": "RuntimeNotRecognized", "message": "no runtime"}
    status = served(2) | {"modelStatus": {"transitionStatus": transition, "lastFailureInfo": failure}}
    state = readiness(service(status))
    assert state.hopeless
    assert "no runtime" in state.message


def test_a_canary_that_is_asked_for_must_be_ready():
    canary = [{"predictor": {"name": "green"}, "trafficPercent": 10}]
    status = served(2)
    assert "canary green" in readiness(service(status, canary=canary)).message
    status["canaryStatuses"] = [{"name": "green", "ready": True, "trafficPercent": 10}]
    assert readiness(service(status, canary=canary)).ready
    status["canaryStatuses"][0]["modelStatus"] = {"transitionStatus": "BlockedByFailedLoad"}
    assert readiness(service(status, canary=canary)).hopeless


def test_releases_without_an_observed_generation_are_read_by_their_other_signs():
    status = served(2)
    del status["observedGeneration"]
    assert readiness(service(status)).ready
