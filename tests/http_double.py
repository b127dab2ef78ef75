"""An HTTP server for tests that answers what it is told, also with errors and with half answers."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.quiet_server import QuietServer


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def value(self, name: str) -> str:
        """One value of the query; empty when absent."""
        return dict(self.query).get(name, "")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    """Send only so many bytes of the body, and close the connection."""
    length: bool = True
    """Say how long the body is; otherwise its end is the connection's."""


class HttpDouble:
    """A server on this machine; a context manager.

    Args:
        answer: Request -> Reply.
        certificate: PEM file with key and certificate, to speak TLS.
    """

    def __init__(self, answer: Callable[[Request], Reply], certificate: str = "") -> None:
        self.requests: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()
        self._server = QuietServer(("127.0.0.1", 0), _handler(self, answer))
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def note(self, request: Request, change: int) -> None:
        """Count the requests being answered."""
        with self._lock:
            if change > 0:
                self.requests.append(request)
            self.in_flight += change
            self.most_in_flight = max(self.most_in_flight, self.in_flight)


def _handler(double: HttpDouble, answer: Callable[[Request], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(
                method=self.command,
                path=parts.path,
                query=parse_qsl(parts.query, keep_blank_values=True),
                headers=headers,
                body=self.rfile.read(int(headers.get("content-length", 0))),
            )
            double.note(request, 1)
            try:
                self._send(answer(request))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                double.note(request, -1)

        do_HEAD = do_POST = do_GET

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.length:
                self.send_header("Content-Length", str(len(reply.body)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            if reply.cut is not None or not reply.length:
                self.close_connection = True

    return Handler
