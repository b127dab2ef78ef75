"""Intervals drawn as bars, in the line of their numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from medgantry.evaluation.report.digits import number

_WIDTH, _HEIGHT, _EDGE = 144, 14, 4


class Scale:
    """The axis of a column of bars, round numbers at both ends.

    Args:
        lines: With `low` and `high`; those without an estimate do not count.
        mark: A value to be seen in every bar, and so on the axis.
    """

    def __init__(self, lines: Sequence[Mapping[str, Any]], mark: float) -> None:
        shown = [line for line in lines if line["estimate"] is not None]
        least = min([mark, *(line["low"] for line in shown)])
        most = max([mark, *(line["high"] for line in shown)])
        step = 10.0 ** math.floor(math.log10(max(most - least, 1e-3)))
        # A limit on a round number is not pushed beyond it by rounding.
        self._least = math.floor(least / step + 1e-9) * step
        self._most = max(math.ceil(most / step - 1e-9) * step, self._least + step)
        self._mark = mark

    @property
    def title(self) -> str:
        """The axis in words."""
        return f"{number(self._least, 2)} to {number(self._most, 2)}"

    def draw(self, line: Mapping[str, Any]) -> str:
        """One bar as SVG; the numbers stand beside it, so that readers without eyes need nothing of it."""
        if line["estimate"] is None:
            return ""
        low, estimate, high, mark = (
            self._place(value) for value in (line["low"], line["estimate"], line["high"], self._mark)
        )
        middle = _HEIGHT / 2
        return (
            f'<svg class="bar" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">'
            f'<path d="M{mark:.1f} 0V{_HEIGHT}" stroke="#566573" stroke-dasharray="2 2"/>'
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} 3.5v7M{high:.1f} 3.5v7" stroke="#1b2733" fill="none"/>'
            f'<circle cx="{estimate:.1f}" cy="{middle}" r="3" fill="#1b2733"/></svg>'
        )

    def _place(self, value: float) -> float:
        part = (value - self._least) / (self._most - self._least)
        return float(_EDGE + min(1.0, max(0.0, part)) * (_WIDTH - 2 * _EDGE))
