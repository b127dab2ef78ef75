"""An S3 server in memory with a rate per connection and a latency per request, as a process of its own.

`python -m benchmarks.stub_s3 <bytes per second> <latency in seconds> [<key>=<bytes> ...]` prints its port; the
objects named have random content. It knows GET with a range, HEAD and PUT with `If-None-Match`, and checks no
signature: what is measured is the client.
"""

import asyncio
import hashlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random

from medgantry.processes import die_with_parent

_CHUNK = 512 << 10


@contextmanager
def serving(rate: float, latency: float, objects: Mapping[str, int]) -> Iterator[str]:
    """A running server; gives `127.0.0.1:port` and puts its address and any credentials into the environment.

    Args:
        rate: Bytes per second and connection, both ways.
        latency: Seconds before a request is answered.
        objects: Key (`bucket/name`) -> size of an object of random bytes.
    """
    arguments = [str(rate), str(latency), *(f"{key}={size}" for key, size in objects.items())]
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stub_s3", *arguments],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    try:
        endpoint = f"127.0.0.1:{int(server.stdout.readline())}"
        os.environ.update(
            MEDGANTRY_STORE="s3://bench",
            MEDGANTRY_S3_ENDPOINT=endpoint,
            MEDGANTRY_S3_TLS="false",
            AWS_ACCESS_KEY_ID="key",
            AWS_SECRET_ACCESS_KEY="secret",
            AWS_EC2_METADATA_DISABLED="true",
        )
        yield endpoint
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


class _Server:
    def __init__(self, rate: float, latency: float, objects: dict[str, bytes]) -> None:
        self._rate, self._latency, self._objects = rate, latency, objects

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
            listening.setblocking(False)
            print(listening.getsockname()[1], flush=True)
            tasks = set()
            while True:
                connection, _ = await loop.sock_accept(listening)
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                task = asyncio.create_task(self._serve(connection))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        loop, received = asyncio.get_running_loop(), b""
        with connection:
            try:
                while True:
                    while b"\r\n\r\n" not in received:
                        more = await loop.sock_recv(connection, 1 << 16)
                        if not more:
                            return
                        received += more
                    head, _, received = received.partition(b"\r\n\r\n")
                    received = await self._answer(connection, head.decode("latin-1"), received)
            except ConnectionError:
                return

    async def _answer(self, connection: socket.socket, head: str, received: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        request, *lines = head.split("\r\n")
        method, target, _ = request.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        key = target.partition("?")[0].lstrip("/")
        if method == "PUT":
            if headers.get("expect"):
                await loop.sock_sendall(connection, b"HTTP/1.1 100 Continue\r\n\r\n")
            body, received = await self._body(connection, received, int(headers.get("content-length", 0)))
            await asyncio.sleep(self._latency)
            there = "if-none-match" in headers and key in self._objects
            if not there:
                self._objects[key] = body
            await loop.sock_sendall(
                connection, _head("412 Precondition Failed" if there else "200 OK", body, 0)
            )
            return received
        await asyncio.sleep(self._latency)
        content = self._objects.get(key)
        if content is None:
            text = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
            answer = _head("404 Not Found", text, len(text)) + (b"" if method == "HEAD" else text)
            await loop.sock_sendall(connection, answer)
            return received
        asked = re.match(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else len(content) - 1, len(content) - 1)
        extra = f"Content-Range: bytes {first}-{last}/{len(content)}\r\n" if asked else ""
        status = "206 Partial Content" if asked else "200 OK"
        await loop.sock_sendall(connection, _head(status, content, last - first + 1, extra))
        if method == "GET":
            await self._send(connection, memoryview(content)[first : last + 1])
        return received

    async def _send(self, connection: socket.socket, content: memoryview) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for first in range(0, len(content), _CHUNK):
            await loop.sock_sendall(connection, content[first : first + _CHUNK])
            await asyncio.sleep(began + min(first + _CHUNK, len(content)) / self._rate - loop.time())

    async def _body(self, connection: socket.socket, received: bytes, size: int) -> tuple[bytes, bytes]:
        loop = asyncio.get_running_loop()
        began, body = loop.time(), bytearray(received[:size])
        while len(body) < size:
            body += await loop.sock_recv(connection, min(_CHUNK, size - len(body)))
            await asyncio.sleep(began + len(body) / self._rate - loop.time())
        return bytes(body), received[size:]


def _head(status: str, content: bytes, length: int, extra: str = "") -> bytes:
    etag = f"{len(content):032x}"
    kind = "application/xml" if status.startswith("4") else "application/octet-stream"
    return (
        f'HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: "{etag}"\r\nAccept-Ranges: bytes\r\n'
        f"Last-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\nContent-Type: {kind}\r\n{extra}\r\n"
    ).encode()


def random_object(key: str, size: int) -> bytes:
    """What the server holds under a key."""
    block = Random(key).randbytes(min(size, 1 << 20))
    return (block * (size // max(1, len(block)) + 1))[:size]


def sha256_of(key: str, size: int) -> str:
    """Hash of what the server holds under a key."""
    return hashlib.sha256(random_object(key, size)).hexdigest()


if __name__ == "__main__":
    die_with_parent()
    named = (argument.rpartition("=") for argument in sys.argv[3:])
    held = {key: random_object(key, int(size)) for key, _, size in named}
    asyncio.run(_Server(float(sys.argv[1]), float(sys.argv[2]), held).run())
