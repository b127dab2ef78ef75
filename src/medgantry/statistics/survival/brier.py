"""The Brier score of survival predictions: squared distance from what was seen, with weights for what was not.

    BS(t) = 1/n sum of  S(t|i)^2 / G(T(i)-)      where i had the event up to t
                        (1 - S(t|i))^2 / G(t)    where i was without it at t

Who was censored before t counts through the weights of the others. The integrated score is the mean over the time
between the first and the last day, by trapezoids: so does torchsurv.

Source: Graf et al., Statistics in Medicine 18 (1999); G(T-) as in Gerds and Schumacher, Biometrical Journal 48 (2006).
"""

import numpy as np

from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.survival.kaplan_meier import follow_up


def brier_score(time: Floats, event: Flags, survival: Floats, days: Floats) -> Floats:
    """Score on each day; 0 is best, and 0.25 is what a prediction of one half gets.

    Args:
        time: (n,) days.
        event: (n,).
        survival: (n, m) predicted for each subject and day.
        days: (m,), on the last of which someone is still under observation.
    """
    uncensored = follow_up(time, event)
    cases, controls = seen(time, event, days)
    with_event = cases * survival**2 / uncensored.at(time, before=True)[:, None]
    without = controls * (1 - survival) ** 2 / uncensored.at(days)
    score: Floats = (with_event + without).mean(axis=0)
    return score


def integrated(score: Floats, days: Floats) -> Floats:
    """Mean of scores (..., m) over the time between the days; the score itself where there is one day."""
    if len(days) == 1:
        return score[..., 0]
    mean: Floats = np.trapezoid(score, days, axis=-1) / (days[-1] - days[0])
    return mean


def seen(time: Floats, event: Flags, days: Floats) -> tuple[Flags, Flags]:
    """(n, m) each: who had the event up to a day, and who was known to be without it then."""
    return (time[:, None] <= days) & event[:, None], time[:, None] > days
