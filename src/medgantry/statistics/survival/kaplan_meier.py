"""The Kaplan-Meier estimate of survival, and that of staying uncensored.

    S(t) = product over event times u <= t of 1 - d(u) / Y(u),   Var S(t) = S(t)^2 sum d / (Y (Y - d))

with d events and Y at risk at u. Limits are those of log(-log S), which stay within [0, 1].

For the censoring the roles are swapped, and who had the event on a day is no more at risk of being censored on it:
G(t) = product of 1 - c(u) / (Y(u) - d(u)). So do torchsurv and R's prodlim; lifelines with swapped events does not.

Sources: Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958); Greenwood (1926); Kalbfleisch and Prentice, The Statistical
Analysis of Failure Time Data (2002), section 1.4; Schemper and Smith, Controlled Clinical Trials 17 (1996), for the
follow-up.
"""

from dataclasses import dataclass

import numpy as np

from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.score import critical_value


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Steps that fall from 1, of one estimate or of several over the same days."""

    days: Floats
    """(u,) where the steps are, rising."""
    survival: Floats
    """(..., u) from that day on."""

    def at(self, days: Floats, *, before: bool = False) -> Floats:
        """Values (..., len(days)) on days, or just before them; beyond the last step its value holds."""
        index = np.searchsorted(self.days, days, side="left" if before else "right")
        first = np.ones((*self.survival.shape[:-1], 1))
        found: Floats = np.concatenate([first, self.survival], axis=-1)[..., index]
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class KaplanMeier(Curve):
    """An estimate with what it is made of; arrays (u,) over the distinct times of the subjects."""

    low: Floats
    high: Floats
    at_risk: Floats
    events: Floats

    def median(self) -> tuple[float | None, float | None, float | None]:
        """Median time with its limits, in days; None for what is not reached.

        Source: Brookmeyer and Crowley, Biometrics 38 (1982).
        """
        first = [self.days[values <= 0.5] for values in (self.survival, self.low, self.high)]
        estimate, low, high = (float(days[0]) if len(days) else None for days in first)
        return estimate, low, high


def kaplan_meier(time: Floats, event: Flags) -> KaplanMeier:
    """Survival."""
    days, at_risk, events, _ = _counts(time, event)
    return _estimate(days, at_risk, events)


def follow_up(time: Floats, event: Flags) -> KaplanMeier:
    """Staying uncensored: its median is how long subjects were followed, whatever befell them."""
    days, at_risk, events, censored = _counts(time, event)
    return _estimate(days, at_risk - events, censored)


def without_each(time: Floats, event: Flags) -> Curve:
    """Survival (n, u), estimated without each subject in turn."""
    days, at_risk, events, _ = _counts(time, event)
    mine = (time[:, None] == days) & event[:, None]
    return Curve(days=days, survival=_product(at_risk - (time[:, None] >= days), events - mine))


def follow_up_without_each(time: Floats, event: Flags) -> Curve:
    """Staying uncensored (n, u), estimated without each subject in turn."""
    days, at_risk, events, censored = _counts(time, event)
    here = time[:, None] == days
    left = at_risk - events - (time[:, None] >= days) + (here & event[:, None])
    return Curve(days=days, survival=_product(left, censored - (here & ~event[:, None])))


def numbers_at_risk(time: Floats, days: Floats) -> list[int]:
    """How many subjects are still under observation on each day."""
    return [int((time >= day).sum()) for day in days]


def _counts(time: Floats, event: Flags) -> tuple[Floats, Floats, Floats, Floats]:
    """Distinct times, and at each who is at risk, has the event, is censored."""
    days, index, leaving = np.unique(time, return_inverse=True, return_counts=True)
    events = np.bincount(index, weights=event).astype(np.float64)
    at_risk = len(time) - np.cumsum(leaving) + leaving
    return days, at_risk.astype(np.float64), events, leaving - events


def _product(at_risk: Floats, events: Floats) -> Floats:
    # Nobody at risk, nobody leaves.
    survival: Floats = np.cumprod(1 - events / np.maximum(at_risk, 1), axis=-1, dtype=np.float64)
    return survival


def _estimate(days: Floats, at_risk: Floats, events: Floats) -> KaplanMeier:
    survival = _product(at_risk, events)
    left = at_risk - events
    terms = np.divide(events, at_risk * left, out=np.zeros_like(events), where=left > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = critical_value() * np.sqrt(np.cumsum(terms)) / -np.log(survival)
        low, high = survival ** np.exp(half), survival ** np.exp(-half)
    inside = (survival > 0) & (survival < 1)
    # At 1 and at 0 the formula says nothing: before the first event nothing is known, at 0 the last limit holds.
    high = np.where(inside, high, np.where(survival == 1, 1.0, _last(high, inside)))
    return KaplanMeier(
        days=days,
        survival=survival,
        low=np.where(inside, low, np.where(survival == 1, 1.0, 0.0)),
        high=high,
        at_risk=at_risk,
        events=events,
    )


def _last(values: Floats, sound: Flags) -> float:
    return float(values[sound][-1]) if sound.any() else 1.0
