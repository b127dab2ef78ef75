"""A fitted linear risk."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from medgantry.statistics.arrays import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """Log relative hazard as a weighted sum of columns."""

    coefficients: Floats
    """(p,) 0 for a column that was not kept."""

    def risk(self, x: Floats) -> Floats:
        """Log relative hazards (n,) of columns (n, p)."""
        return np.asarray(x @ self.coefficients, dtype=np.float64)

    def used(self) -> list[int]:
        """Columns that were kept."""
        return [int(index) for index in np.flatnonzero(self.coefficients)]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"coefficients": self.coefficients.tolist()}

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Linear":
        """What `document` gave."""
        return cls(coefficients=np.array(document["coefficients"], dtype=np.float64))
