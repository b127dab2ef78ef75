"""The checker finds what is wrong: each fault in a manifest that is otherwise right."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifests.check import Definitions, faults

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: example.org
  names: {kind: Thing}
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          type: object
          properties:
            apiVersion: {type: string}
            kind: {type: string}
            metadata: {type: object}
            spec:
              type: object
              required: [size]
              properties:
                size: {type: integer, minimum: 1, maximum: 5}
                mode: {type: string, enum: [a, b]}
                name: {type: string, pattern: "^[a-z]+$", maxLength: 5}
                port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
                labels: {type: object, additionalProperties: {type: string}}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
                items: {type: array, maxItems: 2, items: {type: object, properties: {open: {type: boolean}}}}
              oneOf: [{required: [mode]}, {required: [name]}]
"""
THING = {
    "apiVersion": "example.org/v1",
    "kind": "Thing",
    "metadata": {"name": "x"},
    "spec": {
        "size": 3,
        "mode": "a",
        "port": "http",
        "labels": {"k": "v"},
        "free": {"any": 1},
        "items": [{"open": True}],
    },
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "x"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "c",
                "image": "i",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    (tmp_path / "thing.yaml").write_text(CRD)
    return Definitions.read(tmp_path)


def test_what_is_right_is_let_through(definitions: Definitions) -> None:
    assert faults(THING, definitions, every_version=True) == []
    assert faults(POD, definitions, every_version=True) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda spec: spec.pop("size"), "size is missing"),
        (lambda spec: spec.update(size="3"), "integer was wanted"),
        (lambda spec: spec.update(size=True), "integer was wanted"),
        (lambda spec: spec.update(size=9), "out of bounds"),
        (lambda spec: spec.update(mode="c"), "none of"),
        (lambda spec: spec.update(name="abc"), "oneOf"),
        (lambda spec: (spec.pop("mode"), spec.update(name="A1")), "does not match"),
        (lambda spec: (spec.pop("mode"), spec.update(name="abcdef")), "length 6"),
        (lambda spec: spec.update(port=1.5), "integer or a string"),
        (lambda spec: spec.update(labels={"k": 1}), "string was wanted"),
        (lambda spec: spec.update(sise=1), "no such field"),
        (lambda spec: spec["items"].append({"of": 1}), "/spec/items/1/of: there is no such field"),
        (lambda spec: spec.update(items=[{}, {}, {}]), "length 3"),
        (lambda spec: spec.update(mode=None), "null"),
    ],
)
def test_a_field_that_is_wrong(
    definitions: Definitions, change: Callable[[Any], object], complaint: str
) -> None:
    thing = copy.deepcopy(THING)
    change(thing["spec"])
    (fault,) = faults(thing, definitions, every_version=True)
    assert complaint in fault


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
        (lambda pod: pod.update(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "hostPath"),
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "runAsNonRoot"),
        (lambda pod: pod["securityContext"].update(runAsUser=0), "runAsUser"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccompProfile"),
        (lambda pod: pod["containers"][0]["securityContext"].update(privileged=True), "privileged"),
        (lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"), "drop must hold ALL"),
        (
            lambda pod: pod["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
            "must be false",
        ),
        (lambda pod: pod.update(initContainers=[{"name": "i", "image": "i"}]), "i: allowPrivilegeEscalation"),
    ],
)
def test_a_pod_that_is_not_restricted(
    definitions: Definitions, change: Callable[[Any], object], complaint: str
) -> None:
    pod = copy.deepcopy(POD)
    change(pod["spec"])
    assert any(complaint in fault for fault in faults(pod, definitions, every_version=True))


def test_a_core_kind_with_an_unknown_field_and_an_unknown_kind(definitions: Definitions) -> None:
    pod = copy.deepcopy(POD)
    pod["spec"]["contaners"] = []
    assert any("contaners" in fault for fault in faults(pod, definitions, every_version=True))
    other = {**THING, "kind": "Other"}
    assert faults(other, definitions, every_version=True) == ["no schema for example.org/v1 Other"]


def test_one_release_is_enough_unless_every_one_is_asked(definitions: Definitions, tmp_path: Path) -> None:
    newer = yaml.safe_load(CRD)
    schema = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"].pop("mode")
    (tmp_path / "thing.v2.yaml").write_text(yaml.safe_dump(newer))
    both = Definitions.read(tmp_path)
    assert faults(THING, both, every_version=False) == []
    assert any("[thing.v2.yaml]" in fault for fault in faults(THING, both, every_version=True))
