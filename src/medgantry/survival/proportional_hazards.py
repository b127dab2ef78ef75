"""Whether effects change with time: the test of scaled Schoenfeld residuals, by lifelines.

A model of proportional hazards says that a feature's hazard ratio is the same early and late. Small p says it is not.
Of a linear model each feature that it kept is tested, of trees what each modality says. Only subjects who have all of
the modalities count, and coefficients are fitted anew without a penalty beyond what keeps the fit stable.

Source: Grambsch and Therneau, Biometrika 81 (1994).
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from medgantry.statistics.arrays import Floats
from medgantry.survival.additive import Additive, Prepared
from medgantry.survival.estimators.linear import Linear
from medgantry.survival.outcome import Outcome
from medgantry.survival.side import Blocks

LEAST_EVENTS = 10
_PENALTY = 0.01


def schoenfeld_test(
    model: Additive, prepared: Mapping[str, Prepared], blocks: Blocks, outcome: Outcome
) -> list[dict[str, Any]]:
    """Test each covariate of a model.

    Returns:
        `feature`, `modality`, `statistic` (chi-squared, one degree of freedom), `p`, `subjects`, `events`; nothing
        where the model uses nothing, or fewer than `LEAST_EVENTS` events are left to test with.
    """
    complete = np.ones(len(outcome.time), dtype=bool)
    for name in model.terms:
        complete &= prepared[name].present
    events = int(outcome.event[complete].sum())
    covariates = _covariates(model, prepared, blocks)
    if events < LEAST_EVENTS or not covariates:
        return []
    values = np.column_stack([column[complete] for _, _, column in covariates])
    statistics, p = _tested(values, outcome.of(complete))
    return [
        {
            "feature": feature,
            "modality": modality,
            "statistic": float(statistic),
            "p": float(value),
            "subjects": int(complete.sum()),
            "events": events,
        }
        for (feature, modality, _), statistic, value in zip(covariates, statistics, p, strict=True)
    ]


def _covariates(
    model: Additive, prepared: Mapping[str, Prepared], blocks: Blocks
) -> list[tuple[str, str, Floats]]:
    found = []
    for modality, term in model.terms.items():
        each = prepared[modality]
        if isinstance(term.fitted, Linear):
            names = [blocks[modality].names[index] for index in each.preparation.columns]
            found += [(names[place], modality, each.x[:, place]) for place in term.fitted.used()]
        else:
            found.append((f"risk by {modality}", modality, term.risk(each.x, each.present)))
    return found


def _tested(values: Floats, outcome: Outcome) -> tuple[Floats, Floats]:
    import pandas
    from lifelines import CoxPHFitter
    from lifelines.statistics import proportional_hazard_test

    names = [f"x{place}" for place in range(values.shape[1])]
    frame = pandas.DataFrame(values, columns=names).assign(time=outcome.time, event=outcome.event.astype(int))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifelines warns of what the penalty is for
        fitted = CoxPHFitter(penalizer=_PENALTY).fit(frame, "time", "event")
        found = proportional_hazard_test(fitted, frame, time_transform="rank").summary.loc[names]
    return found["test_statistic"].to_numpy(), found["p"].to_numpy()
