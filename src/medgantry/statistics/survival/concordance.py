"""Concordance: in which share of comparable pairs the one with the higher risk has the event first.

    C = sum of w(i) [1 if r(i) > r(j), 1/2 if equal] over pairs / sum of w(i) over pairs

where i has the event at T(i) and j is known to be without it then. The measures differ in pairs and weights:

    Harrell       j stays longer                                   w = 1
    Uno           the same, and T(i) < tau                         w = 1 / G(T(i)-)^2
    dynamic AUC   T(i) <= t < T(j), cumulative cases and dynamic controls at t     w = 1 / G(T(i)-)

G is the chance of staying uncensored (`kaplan_meier.follow_up`). Harrell's C depends on how subjects are censored,
Uno's does not. Who is censored on the day of i's event is taken to have stayed longer; two events on one day are no
pair: so do lifelines and torchsurv. Papers write G(T(i)); the chance to see an event at T(i) is that of being
uncensored until then, G(T(i)-), and the two differ only where an event and a censoring share a day. torchsurv takes
G(T(i)), R's pec and timeROC G(T(i)-).

Sources: Harrell et al., JAMA 247 (1982) and Statistics in Medicine 15 (1996); Uno et al., Statistics in Medicine 30
(2011); Uno et al., J. Am. Stat. Assoc. 102 (2007) and Hung and Chiang, Canadian J. Statistics 38 (2010) for the AUC.
"""

from dataclasses import dataclass

import numpy as np

from medgantry.statistics.arrays import Flags, Floats
from medgantry.statistics.survival.kaplan_meier import follow_up


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Which pairs a measure counts, and how it weighs them."""

    counted: Flags
    """(n, n): [i, j] is a pair, i with the event."""
    power: int
    """The weight is 1 / G(T(i)-) to this power."""

    @classmethod
    def harrell(cls, time: Floats, event: Flags) -> "Pairs":
        """Every pair whose order is known."""
        return cls(counted=comparable(time, event), power=0)

    @classmethod
    def uno(cls, time: Floats, event: Flags, tau: float) -> "Pairs":
        """Those whose earlier event comes before `tau` days."""
        return cls(counted=comparable(time, event) & (time < tau)[:, None], power=2)

    @classmethod
    def dynamic(cls, time: Floats, event: Flags, day: float) -> "Pairs":
        """Who had the event up to a day, and who was without it then."""
        return cls(counted=(event & (time <= day))[:, None] & (time > day), power=1)

    def weight(self, uncensored: Floats) -> Floats:
        """Weights from G(T(i)-)."""
        weights: Floats = uncensored**-self.power
        return weights


def harrell_c(time: Floats, event: Flags, risk: Floats) -> float | None:
    """Harrell's C; None without a comparable pair."""
    return _ratio(Pairs.harrell(time, event), time, event, risk)


def uno_c(time: Floats, event: Flags, risk: Floats, tau: float = np.inf) -> float | None:
    """Uno's C up to `tau` days, which should be a day on which subjects are still under observation.

    Returns:
        None without a comparable pair.
    """
    return _ratio(Pairs.uno(time, event, tau), time, event, risk)


def dynamic_auc(time: Floats, event: Flags, risk: Floats, day: float) -> float | None:
    """Area under the ROC curve of having had the event up to a day; None without cases or controls."""
    return _ratio(Pairs.dynamic(time, event, day), time, event, risk)


def in_order(risk: Floats) -> Floats:
    """(n, n): 1 where i has the higher risk, one half where it is the same."""
    order: Floats = (np.sign(risk[:, None] - risk) + 1) / 2
    return order


def comparable(time: Floats, event: Flags) -> Flags:
    """(n, n): i has the event, and j is known to be without it then."""
    longer: Flags = (time[:, None] < time) | ((time[:, None] == time) & ~event)
    return event[:, None] & longer


def _ratio(pairs: Pairs, time: Floats, event: Flags, risk: Floats) -> float | None:
    weight = pairs.weight(follow_up(time, event).at(time, before=True))
    total = float(weight @ pairs.counted.sum(axis=1))
    return float(weight @ (pairs.counted * in_order(risk)).sum(axis=1)) / total if total else None
