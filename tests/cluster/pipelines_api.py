"""Kubeflow Pipelines' v2beta1 API over real HTTP, as far as the unmodified `kfp.Client` needs it.

It parses what is uploaded as the pipeline specification it must be, checks a run's parameters against it as the
real server does, and plays a run's states as a test scripts them.
"""

import itertools
import json
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.quiet_server import QuietServer

Object = dict[str, Any]
_KINDS = {"STRING": str, "NUMBER_INTEGER": int | float, "NUMBER_DOUBLE": int | float, "BOOLEAN": bool}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Look:
    """What a run is at one look: its state, and its tasks' states and errors."""

    state: str
    tasks: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class PipelinesApi:
    """The server.

    Args:
        token: Bearer token that every request must bring; empty for none.
    """

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.pipelines: dict[str, Object] = {}
        self.versions: dict[str, Object] = {}
        self.experiments: dict[str, Object] = {}
        self.runs: dict[str, Object] = {}
        self.schedules: dict[str, Object] = {}
        self.script = [Look("PENDING"), Look("RUNNING"), Look("SUCCEEDED")]
        """What a run is at each look; the last one stays."""
        self.faults: list[int] = []
        """Codes that the next requests get instead of an answer."""
        self._looks: dict[str, int] = {}
        self._ids = itertools.count(1)
        handler = type("Handler", (_Handler,), {"api": self})
        self._http = QuietServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Object:
        parts = path.removeprefix("/apis/v2beta1/").split("/")
        answer = self._read(parts, query) if method == "GET" else self._write(parts, query, body)
        if answer is None:
            raise Refusal(404, f"{method} {path}")
        return answer

    def _read(self, parts: list[str], query: dict[str, str]) -> Object | None:
        match parts:
            case ["healthz"]:
                return {"multi_user": False}
            case ["pipelines"]:
                return {"pipelines": _filtered(self.pipelines, query)}
            case ["pipelines", pipeline, "versions"]:
                mine = {key: item for key, item in self.versions.items() if item["pipeline_id"] == pipeline}
                return {"pipeline_versions": _filtered(mine, query)}
            case ["experiments"]:
                return {"experiments": _filtered(self.experiments, query)}
            case ["runs", run]:
                return self._look(run)
        return None

    def _write(self, parts: list[str], query: dict[str, str], body: Any) -> Object | None:
        match parts:
            case ["pipelines"]:
                return self._keep(self.pipelines, "pipeline_id", body)
            case ["pipelines", "upload_version"]:
                return self._upload(query, body)
            case ["experiments"]:
                return self._keep(self.experiments, "experiment_id", body)
            case ["runs"]:
                self._check(body)
                return self._keep(self.runs, "run_id", body)
            case ["recurringruns"]:
                self._check(body)
                cron = body["trigger"]["cron_schedule"]["cron"]
                if len(cron.split()) != 6:
                    raise Refusal(400, f"Schedule cron is invalid: {cron}: expected exactly 6 fields")
                return self._keep(self.schedules, "recurring_run_id", body)
        return None

    def _keep(self, place: dict[str, Object], key: str, body: Object) -> Object:
        name = f"{key.split('_')[0]}-{next(self._ids)}"
        place[name] = {**body, key: name}
        return place[name]

    def _upload(self, query: dict[str, str], body: bytes) -> Object:
        documents = list(yaml.safe_load_all(body))
        json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
        if len(documents) > 1:
            json_format.ParseDict(documents[1], pipeline_spec_pb2.PlatformSpec())
        names = [
            item["display_name"]
            for item in self.versions.values()
            if item["pipeline_id"] == query["pipelineid"]
        ]
        if query["name"] in names:
            raise Refusal(409, f"Already exist error: the version name {query['name']} is taken")
        version = {
            "display_name": query["name"],
            "pipeline_id": query["pipelineid"],
            "pipeline_spec": documents[0],
        }
        return self._keep(self.versions, "pipeline_version_id", version)

    def _check(self, body: Object) -> None:
        reference = body["pipeline_version_reference"]
        spec = self.versions[reference["pipeline_version_id"]]["pipeline_spec"]
        wanted = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        given = body["runtime_config"].get("parameters", {})
        for name, value in given.items():
            if name not in wanted:
                raise Refusal(400, f"parameter {name} is not defined in the pipeline")
            if not isinstance(value, _KINDS[wanted[name]["parameterType"]]):
                raise Refusal(400, f"input parameter {name} requires type {wanted[name]['parameterType']}")
        for name, item in wanted.items():
            if name not in given and "defaultValue" not in item and not item.get("isOptional"):
                raise Refusal(
                    400,
                    f"parameter {name} is not optional, yet has neither default value nor user provided value",
                )

    def _look(self, run: str) -> Object:
        if run not in self.runs:
            raise Refusal(404, f"Run {run} not found")
        seen = self._looks.setdefault(run, 0)
        self._looks[run] += 1
        look = self.script[min(seen, len(self.script) - 1)]
        tasks = [
            {"task_id": name, "display_name": name, "state": state}
            | ({"error": {"code": 13, "message": look.errors[name]}} if name in look.errors else {})
            for name, state in look.tasks.items()
        ]
        return {**self.runs[run], "state": look.state, "run_details": {"task_details": tasks}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: PipelinesApi

    def log_message(self, *arguments: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            if self.api.faults:
                raise Refusal(self.api.faults.pop(0), "injected")
            if self.api.token and self.headers.get("Authorization") != f"Bearer {self.api.token}":
                raise Refusal(401, "Unauthenticated: the request has no valid token")
            code, document = 200, self.api.answer(self.command, parts.path, query, self._body(raw))
        except Refusal as refusal:
            code, document = refusal.code, {"code": refusal.code, "message": refusal.message}
        data = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer

    def _body(self, raw: bytes) -> Any:
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
            (part,) = message.get_payload()  # type: ignore[misc]
            return part.get_payload(decode=True)  # type: ignore[union-attr]
        return json.loads(raw) if raw else {}


def _filtered(place: dict[str, Object], query: dict[str, str]) -> list[Object]:
    predicates = json.loads(query["filter"])["predicates"] if query.get("filter") else []
    wanted = {item["key"]: item.get("stringValue", item.get("string_value")) for item in predicates}
    name = wanted.get("display_name", wanted.get("name"))
    return [item for item in place.values() if name is None or item["display_name"] == name]
