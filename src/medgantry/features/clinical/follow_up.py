"""How long subjects were followed up: the reverse Kaplan-Meier median.

Source: Schemper and Smith, Controlled Clinical Trials 17 (1996), 343-346.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence


def median_follow_up(times: Sequence[float], events: Sequence[bool]) -> float | None:
    """Median time to the end of follow-up, with the event as what censors it.

    Args:
        times: One per subject, in any unit.
        events: Whether the event was seen.

    Returns:
        In the unit of `times`; None where the estimate stays above one half.
    """
    # Who has the event at a time could have been followed up longer: at risk of an end there.
    ends = Counter(time for time, event in zip(times, events, strict=True) if not event)
    ordered = sorted(times)
    followed = 1.0
    for time in sorted(ends):
        followed *= 1 - ends[time] / (len(ordered) - bisect_left(ordered, time))
        if followed <= 0.5:
            return time
    return None
