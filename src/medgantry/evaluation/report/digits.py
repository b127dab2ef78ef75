"""Numbers as text: as many decimals as their intervals are worth."""

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

ABSENT = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
"""As long as a plus sign, and never broken from its number."""
_MOST = 4
_SPACE = "\N{NO-BREAK SPACE}"


def decimals(values: Iterable[Mapping[str, Any]], least: int = 2) -> int:
    """Decimals for a column: two digits of the width of its narrowest interval, at least `least`, at most 4."""
    widths = [
        value["high"] - value["low"]
        for value in values
        if value["estimate"] is not None and value["low"] < value["high"]
    ]
    if not widths:
        return least
    return min(_MOST, max(least, 1 - math.floor(math.log10(min(widths)))))


def number(value: float, places: int, *, signed: bool = False) -> str:
    """A number; never -0, and with a minus sign as long as a plus."""
    # Adding 0 turns -0 into 0.
    rounded = round(value, places) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{places}f}".replace("-", MINUS)


def limits_of(value: Mapping[str, Any], places: int, *, signed: bool = False) -> str:
    """An interval's limits."""
    low, high = (number(value[end], places, signed=signed) for end in ("low", "high"))
    return f"{low} to {high}"


def share(value: float) -> str:
    """A share in whole per cent; what is neither none nor all is not rounded to it."""
    percent = round(100 * value)
    if percent == 0 and value > 0:
        return f"<1{_SPACE}%"
    if percent == 100 and value < 1:
        return f">99{_SPACE}%"
    return f"{percent}{_SPACE}%"


def stacked(value: Mapping[str, Any] | None, places: int) -> str:
    """A cell, as HTML: the estimate, and its interval below."""
    if value is None or value["estimate"] is None:
        return ABSENT
    return f"{number(value['estimate'], places)}<small>{escape(limits_of(value, places))}</small>"
