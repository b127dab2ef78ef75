"""Gradient-boosted trees of xgboost for time to an event: Cox's partial likelihood, or accelerated failure time.

The AFT model is Weibull's, whose log hazard is the negative log time over its scale: so both give log relative
hazards, add up with those of other modalities, and get survival from the same baseline.

Source: Barnwal, Cho and Hocking, J. Comput. Graph. Stat. 31 (2022), for AFT.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from medgantry.statistics.arrays import Floats
from medgantry.survival.outcome import Outcome

AFT_SCALE = 0.8
"""Of Weibull's distribution of log time: a hazard that rises a little with time."""
_TREES = {
    "max_depth": 2,
    "eta": 0.1,
    "min_child_weight": 3.0,
    "lambda": 1.0,
    "nthread": 1,
    "seed": 0,
    "tree_method": "exact",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Trees:
    """A fitted booster over some columns."""

    columns: Any
    """Indices of the columns that it sees."""
    booster: Any
    sign: float
    """1 where it gives log relative hazards, negative where it gives log times."""

    def risk(self, x: Floats) -> Floats:
        """Log relative hazards (n,) of columns (n, p)."""
        import xgboost

        data = xgboost.DMatrix(x[:, self.columns], base_margin=np.zeros(len(x)), nthread=1)
        margin = np.asarray(self.booster.predict(data, output_margin=True), dtype=np.float64)
        return self.sign * margin

    def used(self) -> list[int]:
        """Columns that were kept."""
        return [int(index) for index in self.columns]

    def document(self) -> dict[str, Any]:
        """As JSON has it; the booster is in xgboost's own."""
        return {
            "columns": [int(index) for index in self.columns],
            "sign": self.sign,
            "booster": json.loads(self.booster.save_raw("json")),
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Trees":
        """What `document` gave."""
        import xgboost

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(json.dumps(document["booster"]).encode()))
        return cls(
            columns=np.array(document["columns"], dtype=np.intp), booster=booster, sign=document["sign"]
        )


def fit_cox_trees(x: Floats, columns: Any, outcome: Outcome, offset: Floats, rounds: int) -> Trees:
    """Trees for log relative hazards."""
    import xgboost

    # xgboost tells censoring by the sign of the label.
    label = np.where(outcome.event, outcome.time, -outcome.time)
    data = xgboost.DMatrix(x[:, columns], label=label, base_margin=offset, nthread=1)
    booster = xgboost.train({**_TREES, "objective": "survival:cox"}, data, rounds)
    return Trees(columns=columns, booster=booster, sign=1.0)


def fit_aft_trees(x: Floats, columns: Any, outcome: Outcome, offset: Floats, rounds: int) -> Trees:
    """Trees for log times under Weibull's distribution."""
    import xgboost

    typical = np.log(outcome.time.sum() / max(1, int(outcome.event.sum())))
    data = xgboost.DMatrix(x[:, columns], base_margin=typical - AFT_SCALE * offset, nthread=1)
    data.set_float_info("label_lower_bound", outcome.time)
    data.set_float_info("label_upper_bound", np.where(outcome.event, outcome.time, np.inf))
    objective = {
        "objective": "survival:aft",
        "aft_loss_distribution": "extreme",
        "aft_loss_distribution_scale": AFT_SCALE,
    }
    booster = xgboost.train({**_TREES, **objective}, data, rounds)
    return Trees(columns=columns, booster=booster, sign=-1 / AFT_SCALE)
