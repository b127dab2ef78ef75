"""The API server that tests talk to: the double, or the one that MEDGANTRY_TEST_KUBECONFIG names."""

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from manifests.check import Definitions, mismatches
from tests.cluster.api_server import ApiServer, Object
from tests.cluster.remote_server import RemoteServer

BASE = Path(__file__).parents[2] / "manifests/base"
Kind = tuple[str, str, str, str]
"""Group, version, plural, kind."""


def documents(path: str) -> list[Object]:
    """The objects of a file of manifests/base."""
    return [item for item in yaml.safe_load_all((BASE / path).read_text()) if item]


def open_server(roles: Iterable[Object], kinds: Iterable[Kind]) -> ApiServer:
    """A server with Roles and kinds of custom resources; both have the methods that tests use."""
    named = os.environ.get("MEDGANTRY_TEST_KUBECONFIG")
    kinds = list(kinds)
    server = (
        RemoteServer(Path(named), roles, {group: version for group, version, _, _ in kinds})
        if named
        else ApiServer(roles, validate=_validator())
    )
    for kind in kinds:
        server.offer(*kind)
    return server  # type: ignore[return-value]


@functools.cache
def _validator() -> Callable[[Object], None] | None:
    """Refuses what no release of a CustomResourceDefinition accepts, where there is a folder of them."""
    folder = os.environ.get("MEDGANTRY_CRDS")
    if not folder:
        return None
    definitions = Definitions.read(Path(folder))

    def validate(body: Object) -> None:
        schemas = definitions.schemas.get((str(body.get("apiVersion")), str(body.get("kind"))), [])
        verdicts = [list(mismatches(body, schema)) for _, schema in schemas]
        if verdicts and all(verdicts):
            raise ValueError("; ".join(verdicts[-1]))

    return validate
