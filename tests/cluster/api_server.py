"""A small Kubernetes API server over real HTTP, so that the unmodified client meets what a real one answers.

It keeps objects with uid, resourceVersion and generation, answers with `Status` bodies, watches from a version
(410 when that is too old), isolates the status subresource, serves and follows pod logs, deletes what a deleted
owner owned, and allows what the Roles it was given allow. Faults are injected by verb and resource.
"""

import copy
import itertools
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.quiet_server import QuietServer

Object = dict[str, Any]
ADMIN = "admin"
RBAC = "rbac.authorization.k8s.io"
_PATH = re.compile(
    r"^/(?:api/v1|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+))?)?)?$"
)
_REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "AlreadyExists",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> Object:
        reason = _REASONS.get(self.code, "InternalError")
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": self.message,
            "reason": reason,
            "code": self.code,
        }


@dataclass
class Fault:
    """What happens to the next requests of a kind instead of an answer; code 0 cuts the connection."""

    code: int
    times: int
    verb: str = ""
    resource: str = ""


@dataclass(frozen=True)
class Call:
    """One request that was let in, as RBAC names it."""

    user: str
    verb: str
    group: str
    resource: str


@dataclass
class Store:
    """All objects, and the events of their changes."""

    objects: dict[tuple[str, str, str], dict[str, Object]] = field(default_factory=dict)
    events: list[tuple[int, str, tuple[str, str, str], Object]] = field(default_factory=list)
    forgotten: int = 0
    """Watches from this version or before are told to look afresh."""


class ApiServer:
    """The server; its methods are what controllers and tests do as cluster administrators.

    Args:
        roles: Role and RoleBinding objects; with those that are created they say what service accounts may do.
        validate: Raises ValueError for an object that a real server would refuse.
    """

    keeps_logs = True

    def __init__(
        self, roles: Iterable[Object] = (), validate: Callable[[Object], None] | None = None
    ) -> None:
        self._store = Store()
        self._changed = threading.Condition(threading.RLock())
        self._versions = itertools.count(1)
        self._roles = list(roles)
        self._validate = validate
        self._tokens = {"token-admin": ADMIN}
        self._kinds: dict[tuple[str, str], dict[str, str]] = {}
        self._logs: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._ended_logs: set[tuple[str, str]] = set()
        self._applied: dict[str, Object] = {}
        self.schemas: dict[tuple[str, str, str], Object] = {}
        """(group, version, kind) -> its OpenAPI schema, as `/openapi/v3` publishes it."""
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self._cut = 0
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._http = QuietServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def offer(self, group: str, version: str, plural: str, kind: str) -> None:
        """Install a custom resource."""
        self._kinds.setdefault((group, version), {})[plural] = kind

    def kubeconfig(self, path: Path, account: str, namespace: str) -> Path:
        """A kubeconfig of a service account."""
        token = f"token-{account}"
        self._tokens[token] = account
        context = {"cluster": "double", "user": account, "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "double",
            "clusters": [{"name": "double", "cluster": {"server": self.url}}],
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": "double", "context": context}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def revoke(self, account: str) -> None:
        """Let an account's token expire."""
        self._tokens = {token: name for token, name in self._tokens.items() if name != account}

    def inject(self, code: int, times: int = 1, verb: str = "", resource: str = "") -> None:
        """Answer the next requests of a kind with an error."""
        self.faults.append(Fault(code, times, verb, resource))

    def forget_history(self) -> None:
        """Compact: every watch that is open is cut, and one from an old version gets 410."""
        with self._changed:
            self._store.forgotten = next(self._versions)
            self._store.events.clear()
            self._cut += 1
            self._changed.notify_all()

    def cut_watches(self) -> None:
        """End every open watch without a word."""
        with self._changed:
            self._cut += 1
            self._changed.notify_all()

    def list(self, group: str, plural: str, namespace: str = "default") -> list[Object]:
        with self._changed:
            return copy.deepcopy(list(self._store.objects.get((group, plural, namespace), {}).values()))

    def get(self, group: str, plural: str, name: str, namespace: str = "default") -> Object:
        with self._changed:
            try:
                return copy.deepcopy(self._store.objects[group, plural, namespace][name])
            except KeyError:
                raise Refusal(404, f'{plural} "{name}" not found') from None

    def create(self, group: str, plural: str, body: Object, namespace: str = "default") -> Object:
        with self._changed:
            if self._validate:
                try:
                    self._validate(body)
                except ValueError as error:
                    raise Refusal(422, str(error)) from error
            body = copy.deepcopy(body)
            metadata = body.setdefault("metadata", {})
            if metadata.get("generateName") and not metadata.get("name"):
                metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
            objects = self._store.objects.setdefault((group, plural, namespace), {})
            if metadata["name"] in objects:
                raise Refusal(409, f'{plural} "{metadata["name"]}" already exists')
            metadata |= {
                "namespace": namespace,
                "uid": str(uuid.uuid4()),
                "generation": 1,
                "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            }
            if group:
                body.pop("status", None)  # custom resources have the subresource
            objects[metadata["name"]] = body
            self._emit("ADDED", (group, plural, namespace), body)
            return copy.deepcopy(body)

    def patch(
        self, group: str, plural: str, name: str, change: Object, namespace: str = "default", sub: str = ""
    ) -> Object:
        """Merge patch (RFC 7386); `sub` is empty or `status`."""
        with self._changed:
            self.get(group, plural, name, namespace)
            target = self._store.objects[group, plural, namespace][name]
            before = copy.deepcopy(target)
            if sub == "status":
                change = {"status": change.get("status", {})}
            elif group:
                change = {key: value for key, value in change.items() if key != "status"}
            _merge(target, change)
            if self._validate:
                try:
                    self._validate(target)
                except ValueError as error:
                    target.clear()
                    target.update(before)
                    raise Refusal(422, str(error)) from error
            if target.get("spec") != before.get("spec"):
                target["metadata"]["generation"] += 1
            if target != before:
                self._emit("MODIFIED", (group, plural, namespace), target)
            return copy.deepcopy(target)

    def apply(
        self,
        group: str,
        plural: str,
        name: str,
        body: Object,
        namespace: str = "default",
        token: str = "token-admin",
    ) -> Object:
        """Server-side apply of one manager: fields it applied before and applies no more are removed."""
        with self._changed:
            if name not in self._store.objects.get((group, plural, namespace), {}):
                self.admit(token, "create", group, plural)
                created = self.create(group, plural, body, namespace)
                self._applied[created["metadata"]["uid"]] = copy.deepcopy(body)
                return created
            live = self.get(group, plural, name, namespace)
            if self._validate:
                try:
                    self._validate(body)
                except ValueError as error:
                    raise Refusal(422, str(error)) from error
            uid = live["metadata"]["uid"]
            change = copy.deepcopy(body)
            _forget(change, self._applied.get(uid, {}))
            self._applied[uid] = copy.deepcopy(body)
            return self.patch(group, plural, name, change, namespace)

    def delete(self, group: str, plural: str, name: str, namespace: str = "default") -> None:
        """Delete an object and, as the garbage collector does, whatever it owned."""
        with self._changed:
            self.get(group, plural, name, namespace)
            gone = self._store.objects[group, plural, namespace].pop(name)
            self._emit("DELETED", (group, plural, namespace), gone)
            owned = [
                (key, other)
                for key, objects in self._store.objects.items()
                for other, item in objects.items()
                if any(
                    o["uid"] == gone["metadata"]["uid"] for o in item["metadata"].get("ownerReferences", [])
                )
            ]
        for (owned_group, owned_plural, owned_namespace), other in owned:
            self.delete(owned_group, owned_plural, other, owned_namespace)

    def write_log(self, pod: str, line: str, namespace: str = "default") -> None:
        with self._changed:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{next(self._versions) % 1000:03d}Z"
            self._logs.setdefault((namespace, pod), []).append((stamp, line))
            self._changed.notify_all()

    def end_log(self, pod: str, namespace: str = "default") -> None:
        with self._changed:
            self._ended_logs.add((namespace, pod))
            self._changed.notify_all()

    def write_event(self, about: str, reason: str, message: str, namespace: str = "default") -> None:
        body = {
            "metadata": {"generateName": f"{about}."},
            "involvedObject": {"name": about, "namespace": namespace, "kind": "Pod"},
            "reason": reason,
            "message": message,
            "count": 1,
        }
        self.create("", "events", body, namespace)

    def _emit(self, kind: str, key: tuple[str, str, str], body: Object) -> None:
        version = next(self._versions)
        body["metadata"]["resourceVersion"] = str(version)
        self._store.events.append((version, kind, key, copy.deepcopy(body)))
        self._changed.notify_all()

    # What HTTP does.

    def admit(self, token: str, verb: str, group: str, resource: str) -> None:
        with self._changed:
            for fault in self.faults:
                if fault.times > 0 and fault.verb in ("", verb) and fault.resource in ("", resource):
                    fault.times -= 1
                    raise Refusal(fault.code, "injected")
        user = self._tokens.get(token)
        if user is None:
            raise Refusal(401, "Unauthorized")
        if user != ADMIN and resource and not self._allows(user, verb, group, resource):
            raise Refusal(403, f'"{user}" cannot {verb} {resource} in API group "{group}"')
        self.calls.append(Call(user, verb, group, resource))

    def _allows(self, user: str, verb: str, group: str, resource: str) -> bool:
        roles = [*self._roles, *self._created("roles", "Role"), *self._created("rolebindings", "RoleBinding")]
        bound = {
            item["roleRef"]["name"]
            for item in roles
            if item["kind"] == "RoleBinding"
            and any(s["kind"] == "ServiceAccount" and s["name"] == user for s in item["subjects"])
        }
        rules = [
            rule
            for item in roles
            if item["kind"] == "Role" and item["metadata"]["name"] in bound
            for rule in item["rules"]
        ]
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
            for rule in rules
        )

    def _created(self, plural: str, kind: str) -> tuple[Object, ...]:
        with self._changed:
            places = [place for place in self._store.objects if place[:2] == (RBAC, plural)]
            return [
                {**item, "kind": kind} for place in places for item in self._store.objects[place].values()
            ]

    def token(self, account: str) -> Object:
        """What a TokenRequest gives."""
        self._tokens[f"token-{account}"] = account
        return {"kind": "TokenRequest", "status": {"token": f"token-{account}"}}

    def discover(self, group: str, version: str) -> Object:
        kinds = self._kinds.get((group, version))
        if kinds is None:
            raise Refusal(404, "the server could not find the requested resource")
        resources = [
            {"name": plural, "kind": kind, "namespaced": True, "singularName": "", "verbs": ["get"]}
            for plural, kind in kinds.items()
        ]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}",
            "resources": resources,
        }

    def openapi(self, group: str, version: str) -> Object:
        """The schemas of a group's version."""
        kinds = self._kinds.get((group, version))
        if kinds is None:
            raise Refusal(404, "the server could not find the requested resource")
        schemas = {}
        for kind in kinds.values():
            named = [{"group": group, "version": version, "kind": kind}]
            schema = self.schemas.get((group, version, kind), {"type": "object"})
            schemas[f"{group}.{version}.{kind}"] = {**schema, "x-kubernetes-group-version-kind": named}
        return {"openapi": "3.0.0", "components": {"schemas": schemas}}

    def listing(self, group: str, plural: str, namespace: str, query: Mapping[str, str]) -> Object:
        with self._changed:
            if group and not any(plural in kinds for (g, _), kinds in self._kinds.items() if g == group):
                raise Refusal(404, "the server could not find the requested resource")
            items = [item for item in self.list(group, plural, namespace) if _selected(item, query)]
            return {
                "kind": "List",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": str(next(self._versions))},
                "items": items,
            }

    def watch(self, group: str, plural: str, namespace: str, query: Mapping[str, str]) -> Iterator[Object]:
        seen = int(query.get("resourceVersion") or 0)
        deadline = time.monotonic() + float(query.get("timeoutSeconds") or 60)
        with self._changed:
            cut = self._cut
        while True:
            with self._changed:
                if seen and seen < self._store.forgotten:
                    yield {"type": "ERROR", "object": Refusal(410, "too old resource version").status}
                    return
                news = [
                    event
                    for event in self._store.events
                    if event[0] > seen
                    and event[2] == (group, plural, namespace)
                    and _selected(event[3], query)
                ]
                if not news:
                    if self._cut != cut or time.monotonic() >= deadline:
                        return
                    self._changed.wait(min(0.2, max(0.0, deadline - time.monotonic())))
                    continue
            for version, kind, _, body in news:
                seen = version
                yield {"type": kind, "object": body}

    def log_lines(self, namespace: str, pod: str, query: Mapping[str, str]) -> Iterator[str]:
        self.get("", "pods", pod, namespace)
        follow, stamps = (query.get(key, "").lower() == "true" for key in ("follow", "timestamps"))
        sent = 0
        with self._changed:
            cut = self._cut
            if "tailLines" in query:
                sent = max(0, len(self._logs.get((namespace, pod), [])) - int(query["tailLines"]))
        while True:
            with self._changed:
                lines = self._logs.get((namespace, pod), [])[sent:]
                ended = (namespace, pod) in self._ended_logs or self._cut != cut or not follow
                if not lines and not ended:
                    self._changed.wait(0.2)
                    continue
            for stamp, line in lines:
                sent += 1
                yield (f"{stamp} {line}" if stamps else line) + "\n"
            if ended and not lines:
                return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: ApiServer

    def log_message(self, *arguments: object) -> None:
        """Nothing: tests read what they ask for."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            self._route(parts.path, query, body)
        except Refusal as refusal:
            if refusal.code == 0:
                self.close_connection = True
                self.connection.close()
                return
            self._json(refusal.code, refusal.status)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer

    def _route(self, path: str, query: Mapping[str, str], body: Object) -> None:
        state = self.server_state
        if path.startswith("/openapi/v3/apis/"):
            self._json(200, state.openapi(*path.removeprefix("/openapi/v3/apis/").split("/")))
            return
        if path.removeprefix("/api/v1/namespaces").count("/") <= 1 and path.startswith("/api/v1/namespaces"):
            self._json(200, {"kind": "Namespace"})  # they need not be made
            return
        found = _PATH.match(path)
        if not found:
            raise Refusal(404, path)
        group, version, namespace, plural, name, sub = (
            found[key] or "" for key in ("group", "version", "namespace", "plural", "name", "sub")
        )
        verb = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}[
            self.command
        ]
        if self.command == "GET" and not name:
            verb = "watch" if query.get("watch") else "list"
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        state.admit(token, verb, group, f"{plural}/{sub}" if sub else plural)
        where = group, plural, name, namespace
        if not plural:
            self._json(200, state.discover(group, version))
        elif verb == "watch":
            self._stream(json.dumps(event) + "\n" for event in state.watch(group, plural, namespace, query))
        elif sub == "log":
            self._stream(state.log_lines(namespace, name, query))
        elif verb == "list":
            self._json(200, state.listing(group, plural, namespace, query))
        else:
            self._change(verb, where, body, sub)

    def _change(self, verb: str, where: tuple[str, str, str, str], body: Object, sub: str) -> None:
        state = self.server_state
        group, plural, name, namespace = where
        if verb == "get":
            self._json(200, state.get(*where))
        elif verb == "create":
            answer = state.token(name) if sub == "token" else state.create(group, plural, body, namespace)
            self._json(201, answer)
        elif verb == "patch":
            self._json(200, self._patch(group, plural, name, body, namespace, sub))
        elif verb == "delete":
            state.delete(*where)
            self._json(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
        else:
            raise Refusal(405, f"{self.command} is not served")

    def _patch(self, group: str, plural: str, name: str, body: Object, namespace: str, sub: str) -> Object:
        kind = self.headers.get("Content-Type", "")
        if kind == "application/apply-patch+yaml":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            return self.server_state.apply(group, plural, name, body, namespace, token)
        if kind != "application/merge-patch+json":
            raise Refusal(415, f"{kind} is not served")
        return self.server_state.patch(group, plural, name, body, namespace, sub)

    def _json(self, code: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, lines: Iterator[str]) -> None:
        first = next(lines, None)  # before the status line: an object that is missing is a 404
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in itertools.chain([] if first is None else [first], lines):
            data = line.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


def _selected(item: Object, query: Mapping[str, str]) -> bool:
    labels = item["metadata"].get("labels") or {}
    for pair in filter(None, (query.get("labelSelector") or "").split(",")):
        key, _, value = pair.partition("=")
        if labels.get(key) != value:
            return False
    for pair in filter(None, (query.get("fieldSelector") or "").split(",")):
        path, _, value = pair.partition("=")
        found: Any = item
        for part in path.split("."):
            found = (found or {}).get(part)
        if found != value:
            return False
    return True


def _forget(change: Object, before: Object) -> None:
    """Add a null to a merge patch for everything that was there before and is no more."""
    for key, value in before.items():
        if key not in change:
            change[key] = None
        elif isinstance(value, dict) and isinstance(change[key], dict):
            _forget(change[key], value)


def _merge(target: Object, change: Object) -> None:
    for key, value in change.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)
