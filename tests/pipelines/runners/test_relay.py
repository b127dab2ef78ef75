"""The relay between a closed network and the servers."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from pipelines.runners.relay import Relay


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers with what it got, once the asker has said everything."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                data = b""
                while piece := connection.recv(1 << 16):
                    data += piece
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def ask(port: int, data: bytes) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.2", port), timeout=10) as connection:
        asking = threading.Thread(target=say, args=(connection, data))
        asking.start()
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(1 << 16):
                answer += piece
        asking.join()
    return answer


def say(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def test_bytes_arrive_both_ways_and_a_half_closed_connection_stays_open(echo):
    relay = Relay("127.0.0.2", {echo: ("127.0.0.1", echo)})
    for size in (0, 5, 3_000_000):
        assert ask(echo, b"x" * size) == b"x" * size
    relay.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", echo), timeout=2)


def test_a_server_that_is_away_ends_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    relay = Relay("127.0.0.2", {port: ("127.0.0.1", port)})
    assert ask(port, b"") == b""
    relay.stop()
