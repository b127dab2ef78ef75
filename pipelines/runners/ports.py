"""Ports for servers of ours on this machine."""

import itertools
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from pipelines.runners.stack_state import StackError

HOST = "127.0.0.1"

# Below Linux's ephemeral range (32768 and up), where an outgoing connection of any program could take a port between
# the choice and the bind. weed's gRPC ports are its HTTP ports + 10000.
_FIRST, _END, _GRPC_OFFSET = 10240, 32768, 10000


_TRIED = 400

# Not the module's generator: a program that seeds it would choose what another one like it chooses.
_CANDIDATES = itertools.cycle(random.SystemRandom().sample(range(_FIRST, _END), _END - _FIRST))


def free_port() -> int:
    """A port that nobody listens on now, and that this process did not choose lately.

    Raises:
        StackError: If none is found.
    """
    return _first_free(itertools.islice(_CANDIDATES, _TRIED), "a server")


def choose_ports(home: Path, names: tuple[str, ...]) -> dict[str, int]:
    """One free port per name, each with its gRPC twin free as well."""
    # Seeded by the home: a restart mostly gets the same addresses (bookmarks), two homes mostly different ones.
    candidates = random.Random(str(home)).sample(range(_FIRST, _END - _GRPC_OFFSET), _TRIED)
    used: set[int] = set()
    ports: dict[str, int] = {}
    for name in names:
        unused = (port for port in candidates if not {port, port + _GRPC_OFFSET} & used)
        port = _first_free((port for port in unused if _is_free(port + _GRPC_OFFSET)), name)
        used |= {port, port + _GRPC_OFFSET}
        ports[name] = port
    return ports


def _first_free(candidates: Iterable[int], name: str) -> int:
    for port in candidates:
        if _is_free(port):
            return port
    raise StackError(f"Wanted a free port on {HOST} for {name}; none of {_TRIED} tried was free.")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of the last run in TIME_WAIT do not count, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
