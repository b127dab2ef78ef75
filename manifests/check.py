"""Checking rendered manifests without a cluster: `kubectl kustomize overlay | python -m manifests.check --crds DIR -`.

Kubernetes' own kinds are checked against its strict schemas, custom resources against the CRDs in a folder, and
every pod template, wherever it stands, against the Pod Security Standard 'restricted'
(https://kubernetes.io/docs/concepts/security/pod-security-standards/). CEL rules of CRDs are not evaluated.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

KUBERNETES = "1.34"
"""Release whose schemas are used for its own kinds."""
_BUILD_ONLY = {"Kustomization", "Component"}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_IMPLIED = {"apiVersion", "kind", "metadata"}


@dataclass
class Definitions:
    """Schemas of custom resources: (apiVersion, kind) -> [(file name, OpenAPI schema)]."""

    schemas: dict[tuple[str, str], list[tuple[str, Mapping[str, Any]]]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Definitions":
        """All CustomResourceDefinitions of a folder's YAML files; one kind may come in several releases."""
        found = cls()
        for path in sorted(folder.glob("*.yaml")):
            for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
                if document and document.get("kind") == "CustomResourceDefinition":
                    found._add(path.name, document["spec"])
        return found

    def _add(self, name: str, spec: Mapping[str, Any]) -> None:
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            schema = version.get("schema", {}).get("openAPIV3Schema", {})
            self.schemas.setdefault(key, []).append((name, schema))


def faults(document: Mapping[str, Any], definitions: Definitions, *, every_version: bool) -> list[str]:
    """What is wrong with one object.

    Args:
        document: The object.
        definitions: Schemas of custom resources.
        every_version: Whether each release of a CRD must accept it, or one is enough.

    Returns:
        One line per fault, with its place; a kind without a schema is a fault.
    """
    key = (str(document.get("apiVersion")), str(document.get("kind")))
    known = definitions.schemas.get(key)
    found: list[str] = []
    if known is None:
        found += _own_kind(document, key)
    else:
        verdicts = [[f"{line} [{name}]" for line in mismatches(document, schema)] for name, schema in known]
        if every_version:
            found += [line for lines in verdicts for line in lines]
        elif all(verdicts):
            found += verdicts[-1]
    for path, pod in pods(document):
        found += [f"{path}: {line}" for line in unrestricted(pod)]
    return found


def _own_kind(document: Mapping[str, Any], key: tuple[str, str]) -> list[str]:
    try:
        kubernetes_validate.validate(dict(document), KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        return [f"no schema for {' '.join(key)}"]
    except kubernetes_validate.ValidationError as error:
        return [f"{'/'.join(map(str, error.path))}: {error.message}"]
    return []


def mismatches(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Where a value is not what a CRD's structural schema says; fields it does not know are faults."""
    if value is None:
        if not schema.get("nullable"):
            yield f"{path or '/'}: null is not allowed"
        return
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield f"{path}: an integer or a string was wanted, found {value!r}"
        return
    wanted = schema.get("type")
    if wanted and not _is(value, wanted):
        yield f"{path or '/'}: {wanted} was wanted, found {type(value).__name__}"
        return
    yield from _bounds(value, schema, path)
    if isinstance(value, dict):
        yield from _fields(value, schema, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mismatches(item, schema.get("items", {}), f"{path}/{index}")
    yield from _alternatives(value, schema, path)


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _TYPES[wanted])


def _fields(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    properties, more = schema.get("properties", {}), schema.get("additionalProperties")
    keeps = schema.get("x-kubernetes-preserve-unknown-fields") or not (properties or more)
    implied = _IMPLIED if not path or schema.get("x-kubernetes-embedded-resource") else set()
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}: {name} is missing"
    for name, item in value.items():
        place = f"{path}/{name}"
        if name in properties and name not in implied:
            yield from mismatches(item, properties[name], place)
        elif isinstance(more, dict):
            yield from mismatches(item, more, place)
        elif not (keeps or more or name in implied):
            yield f"{place}: there is no such field"


def _bounds(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if isinstance(value, int | float):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{path}: {value} is out of bounds"
    elif isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{path}: {value!r} does not match {schema['pattern']}"
        yield from _length(len(value), schema, path, "Length")
    elif isinstance(value, list):
        yield from _length(len(value), schema, path, "Items")


def _length(found: int, schema: Mapping[str, Any], path: str, what: str) -> Iterator[str]:
    if found < schema.get(f"min{what}", 0) or found > schema.get(f"max{what}", found):
        yield f"{path}: its length {found} is out of bounds"


def _alternatives(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """`allOf` and its kin only add conditions: the fields themselves are listed outside of them."""

    def holds(condition: Mapping[str, Any]) -> bool:
        open_ended = {**condition, "x-kubernetes-preserve-unknown-fields": True}
        return not any(True for _ in mismatches(value, open_ended, path or "/"))

    if not all(holds(item) for item in schema.get("allOf", [])):
        yield f"{path}: not every condition of allOf holds"
    if schema.get("anyOf") and not any(holds(item) for item in schema["anyOf"]):
        yield f"{path}: no condition of anyOf holds"
    if schema.get("oneOf") and sum(holds(item) for item in schema["oneOf"]) != 1:
        yield f"{path}: not exactly one condition of oneOf holds"
    if "not" in schema and holds(schema["not"]):
        yield f"{path}: a forbidden condition holds"


def pods(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every pod spec inside an object, with its place."""
    if isinstance(node, dict):
        containers = node.get("containers")
        if isinstance(containers, list) and containers and isinstance(containers[0], dict):
            yield path, node
        for key, value in node.items():
            yield from pods(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from pods(value, f"{path}/{index}")


def unrestricted(pod: Mapping[str, Any]) -> Iterator[str]:
    """What 'restricted' forbids in a pod spec."""
    outer = pod.get("securityContext") or {}
    yield from (f"{flag} is set" for flag in ("hostNetwork", "hostPID", "hostIPC") if pod.get(flag))
    for volume in pod.get("volumes") or []:
        if "hostPath" in volume:
            yield f"volume {volume.get('name')} is a hostPath"
    for container in [*(pod.get("containers") or []), *(pod.get("initContainers") or [])]:
        inner = container.get("securityContext") or {}
        both = {**outer, **inner}
        rules = {
            "privileged must not be set": not inner.get("privileged"),
            "allowPrivilegeEscalation must be false": inner.get("allowPrivilegeEscalation") is False,
            "capabilities.drop must hold ALL": "ALL" in (inner.get("capabilities") or {}).get("drop", []),
            "runAsNonRoot must be true": both.get("runAsNonRoot") is True,
            "runAsUser must not be 0": both.get("runAsUser") != 0,
            "seccompProfile must be RuntimeDefault or Localhost": (both.get("seccompProfile") or {}).get(
                "type"
            )
            in ("RuntimeDefault", "Localhost"),
        }
        yield from (f"{container.get('name')}: {rule}" for rule, kept in rules.items() if not kept)


def main() -> int:
    """Check files; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description="Check rendered Kubernetes manifests without a cluster.")
    parser.add_argument("files", nargs="+", help="YAML files, or - for standard input")
    parser.add_argument("--crds", type=Path, required=True, help="folder of CustomResourceDefinition files")
    parser.add_argument("--every-version", action="store_true", help="each release of a CRD must accept")
    arguments = parser.parse_args()
    definitions = Definitions.read(arguments.crds)
    checked = found = 0
    for name in arguments.files:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
        for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
            if not isinstance(document, dict) or document.get("kind") in {None, *_BUILD_ONLY}:
                continue
            checked += 1
            for line in faults(document, definitions, every_version=arguments.every_version):
                found += 1
                print(f"{name}: {document['kind']}/{document['metadata'].get('name')}: {line}")
    print(f"checked {checked} objects, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
