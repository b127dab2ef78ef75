"""The way in over HTTP: what is too much or too slow is refused before it takes memory."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from medgantry.serving.admission import Admission
from medgantry.serving.limits import Limits
from medgantry.serving.refusals import Refused

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]


class Gate:
    """ASGI middleware around requests with a body.

    Args:
        app: What it guards.
        admission: Who is let in.
        limits: Of a body's size and time.
    """

    def __init__(self, app: _App, admission: Admission, limits: Limits) -> None:
        self._app, self._admission, self._limits = app, admission, limits

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            async with self._admission.admitted():
                body = await self._body(scope, receive)
                if body is not None:
                    await self._app(scope, _replay(body, receive), send)
        except Refused as refused:
            await _answer(send, refused)

    async def _body(self, scope: MutableMapping[str, Any], receive: _Receive) -> bytes | None:
        """The whole body; None when the client went away."""
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if claimed.isdigit() and int(claimed) > self._limits.request_bytes:
            raise self._too_large()
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self._limits.request_bytes:
                        raise self._too_large()
                    parts.append(part)
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Refused(408, f"The body did not arrive within {self._limits.body_seconds} s.") from None

    def _too_large(self) -> Refused:
        return Refused(
            413, f"A request has at most {self._limits.request_mib} MiB; refer to larger files by s3://."
        )


def _replay(body: bytes, receive: _Receive) -> _Receive:
    """The body once, then what else the client does."""
    given: list[_Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> _Message:
        return given.pop() if given else await receive()

    return again


async def _answer(send: _Send, refused: Refused) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if refused.status in (429, 503):
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps({"error": str(refused)})})
