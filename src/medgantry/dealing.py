"""Which piece of work goes to which task of a fan-out."""

import heapq
from collections.abc import Mapping

MAX_PARTS = 128
"""Tasks of a fan-out: a fan-in's artifact list must fit one 128 KiB argument (Linux MAX_ARG_STRLEN)."""


def deal(sizes: Mapping[str, int], parts: int) -> list[list[str]]:
    """Deal pieces of work to parts of about equal size.

    Largest first into the lightest part; ties go by name, so the result depends on nothing else.

    Args:
        sizes: Name -> size, in any unit.
        parts: How many parts; never more are made than there are pieces.

    Returns:
        Names of each part, in the order in which they were dealt.
    """
    count = min(parts, len(sizes))
    dealt: list[list[str]] = [[] for _ in range(count)]
    lightest = [(0, index) for index in range(count)]
    for name in sorted(sizes, key=lambda found: (-sizes[found], found)):
        filled, index = heapq.heappop(lightest)
        dealt[index].append(name)
        heapq.heappush(lightest, (filled + sizes[name], index))
    return dealt
