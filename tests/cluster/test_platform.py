"""What only a real API server can say of our manifests: `KUBECONFIG=... make test-cluster`."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.api_server import Object, Refusal
from tests.cluster.opening import documents
from tests.cluster.remote_server import RemoteServer

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
ROLES = ("rbac/pipeline", "rbac/kfp", "rbac/workers", "janitor/janitor")
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@pytest.fixture(scope="module")
def server() -> Iterator[RemoteServer]:
    roles = [item for name in ROLES for item in documents(f"{name}.yaml")]
    state = RemoteServer(Path(os.environ["MEDGANTRY_TEST_KUBECONFIG"]), roles, {})
    yield state
    state.stop()


def rules() -> Iterator[tuple[str, str, str, frozenset[str]]]:
    """Account, group, resource and verbs, as the Roles say; rules for named objects are left out."""
    found = [item for name in ROLES for item in documents(f"{name}.yaml")]
    for binding in (item for item in found if item["kind"] == "RoleBinding"):
        (role,) = [
            item
            for item in found
            if item["kind"] == "Role" and item["metadata"]["name"] == binding["roleRef"]["name"]
        ]
        for rule in role["rules"]:
            if "resourceNames" not in rule:
                for resource in rule["resources"]:
                    yield (
                        binding["subjects"][0]["name"],
                        rule["apiGroups"][0],
                        resource,
                        frozenset(rule["verbs"]),
                    )


@pytest.mark.parametrize(("account", "group", "resource", "verbs"), sorted(rules(), key=str))
def test_accounts_may_do_exactly_what_their_roles_say(server, account, group, resource, verbs):
    assert {verb for verb in VERBS if server.may(account, verb, group, resource)} == verbs


@pytest.mark.parametrize("account", ["medgantry-train", "medgantry-serve"])
def test_workers_and_model_servers_may_do_nothing(server, account):
    assert not [r for _, g, r, _ in rules() for verb in VERBS if server.may(account, verb, g, r)]


def test_pods_that_are_not_restricted_are_refused(server):
    pod: Object = {
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"serviceAccountName": "medgantry-train", "containers": [{"name": "a", "image": "a"}]},
    }
    with pytest.raises(Refusal, match="PodSecurity"):
        server.create("", "pods", pod)


@pytest.mark.parametrize("overlay", ["dev", "minio", "prod"])
def test_the_server_takes_every_object_of_an_overlay(server, overlay):
    kubectl = [str(ROOT / ".venv/bin/kubectl"), "--kubeconfig", os.environ["MEDGANTRY_TEST_KUBECONFIG"]]
    made = subprocess.run(
        [*kubectl, "kustomize", str(ROOT / "manifests/overlays" / overlay)],
        check=True,
        capture_output=True,
        text=True,
    )
    faults = []
    for item in yaml.safe_load_all(made.stdout):
        if item["kind"] == "Namespace":
            continue
        item["metadata"]["namespace"] = server.namespace
        done = subprocess.run(
            [*kubectl, "create", "--dry-run=server", "--validate=strict", "--filename=-"],
            input=json.dumps(item),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode and "already exists" not in done.stderr:
            faults.append(f"{item['kind']} {item['metadata']['name']}: {done.stderr.strip()}")
    assert faults == []
