"""Timing two ways of doing the same thing, in turn, so that a machine's drift meets both."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

RUNS = 7


def compare(name: str, peer: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> dict[str, Any]:
    """CPU seconds of both, as medians of interleaved runs after one warm-up each.

    Args:
        name: The stage.
        peer: Whom it is compared with, with version.
        ours: One run of ours.
        theirs: One run of the peer's.

    Returns:
        A row: medians, their ratio (above 1 means ours is faster), and the conditions.
    """
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for turn in range(RUNS + 1):
        for side, work in (("ours", ours), ("peer", theirs)):
            began = time.process_time()
            work()
            if turn:
                seconds[side].append(time.process_time() - began)
    medians = {side: statistics.median(values) for side, values in seconds.items()}
    return {
        "stage": name,
        "peer": peer,
        "cpu_seconds": medians,
        "ratio": medians["peer"] / medians["ours"],
        "runs": RUNS,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
