"""Ports for servers of ours on this machine."""

import random
import socket
from pathlib import Path

from pipelines.runners.stack_state import StackError

HOST = "127.0.0.1"

# Below Linux's ephemeral range (32768 and up), where an outgoing connection of any program could take a port between
# the choice and the bind. weed's gRPC ports are its HTTP ports + 10000.
_FIRST, _END, _GRPC_OFFSET = 10240, 32768, 10000


def free_port() -> int:
    """A port that nobody listens on now.

    Raises:
        StackError: If none is found.
    """
    # Not the module's generator: a program that seeds it would choose what another one like it chooses.
    candidates = random.SystemRandom().sample(range(_FIRST, _END), 400)
    for port in candidates:
        if _is_free(port):
            return port
    raise StackError(f"Wanted a free port on {HOST}; none of {len(candidates)} tried was free.")


def choose_ports(home: Path, names: tuple[str, ...]) -> dict[str, int]:
    """One free port per name, each with its gRPC twin free as well."""
    # Seeded by the home: a restart mostly gets the same addresses (bookmarks), two homes mostly different ones.
    candidates = random.Random(str(home)).sample(range(_FIRST, _END - _GRPC_OFFSET), 400)
    used: set[int] = set()
    ports: dict[str, int] = {}
    for name in names:
        for port in candidates:
            pair = {port, port + _GRPC_OFFSET}
            if not pair & used and all(map(_is_free, pair)):
                used |= pair
                ports[name] = port
                break
        else:
            raise StackError(
                f"Wanted a free port on {HOST} for {name}; none of {len(candidates)} tried was free."
            )
    return ports


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of the last run in TIME_WAIT do not count, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
