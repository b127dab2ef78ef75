"""Timing two ways of doing the same thing, in turn, so that a machine's drift meets both."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

RUNS = 7


def compare(
    name: str,
    peer: str,
    ours: Callable[[], Any],
    theirs: Callable[[], Any],
    *,
    clock: Callable[[], float] = time.process_time,
    runs: int = RUNS,
) -> dict[str, Any]:
    """CPU seconds of both, as medians of interleaved runs after one warm-up each.

    Args:
        name: The stage.
        peer: Whom it is compared with, with version.
        ours: One run of ours.
        theirs: One run of the peer's.
        clock: `time.perf_counter` where other processes do the work, or doing it in parallel is the claim.
        runs: How many are measured.

    Returns:
        A row: medians, their ratio (above 1 means ours is faster), and the conditions.
    """
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for turn in range(runs + 1):
        for side, work in (("ours", ours), ("peer", theirs)):
            began = clock()
            work()
            if turn:
                seconds[side].append(clock() - began)
    medians = {side: statistics.median(values) for side, values in seconds.items()}
    return {
        "stage": name,
        "peer": peer,
        "clock": "CPU" if clock is time.process_time else "wall",
        "seconds": medians,
        "ratio": medians["peer"] / medians["ours"],
        "runs": runs,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
