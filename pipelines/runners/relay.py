"""A relay of TCP connections: the one way out of a network that has none."""

import asyncio
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

_IP_FREEBIND = 15  # <linux/in.h>; the bridge's address is there only while a container is


class Relay:
    """Passes connections to ports of one address on to other servers, until it is stopped.

    Args:
        address: Where to listen.
        targets: Port there -> (host, port) of the server.
    """

    def __init__(self, address: str, targets: Mapping[int, tuple[str, int]]) -> None:
        self._sockets = {_listen(address, port): target for port, target in targets.items()}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it with every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        for listener, target in self._sockets.items():
            self._loop.run_until_complete(asyncio.start_server(_passer(*target), sock=listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        for listener in self._sockets:
            listener.close()


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
    listener.bind((address, port))
    listener.listen(64)
    return listener


def _passer(host: str, port: int):
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))

    return pass_on


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            return
    writer.close()
