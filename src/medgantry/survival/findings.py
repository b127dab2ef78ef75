"""What learning found out, in numbers for the record and the reader."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medgantry.statistics.survival.concordance import harrell_c
from medgantry.survival.additive import Additive, Prepared
from medgantry.survival.cross_validation import FoldResult, Work
from medgantry.survival.estimators.linear import Linear
from medgantry.survival.predictions import Predictions
from medgantry.survival.side import Blocks, Side

EVENTS_PER_FEATURE = 10
"""Of a model that keeps more than one feature for so many events, coefficients are unsteady.

Source: Peduzzi et al., J. Clin. Epidemiol. 48 (1995)."""


def coefficients(model: Additive, prepared: Mapping[str, Prepared], blocks: Blocks) -> list[dict[str, Any]]:
    """Log hazard ratios per standard deviation of the features that a linear model keeps; nothing for trees.

    There are no intervals: after choosing among features the usual ones would be too narrow. How often a feature is
    chosen is in the importance.
    """
    lines = []
    for modality, term in model.terms.items():
        if not isinstance(term.fitted, Linear):
            continue
        columns = prepared[modality].preparation.columns
        for place in term.fitted.used():
            value = float(term.fitted.coefficients[place])
            name = blocks[modality].names[columns[place]]
            lines.append({"feature": name, "modality": modality, "value": value, "low": value, "high": value})
    return sorted(lines, key=lambda line: (-abs(line["value"]), line["feature"]))


def found_out(
    work: Work,
    side: Side,
    models: Mapping[str, Additive],
    predictions: Predictions,
    results: Sequence[FoldResult],
) -> dict[str, Any]:
    """Optimism, what was chosen, and how many events there are for each feature that is kept."""
    events = int(work.outcome.event.sum())
    kept = {
        name: sum(len(term.fitted.used()) for term in model.terms.values()) for name, model in models.items()
    }
    warnings = [
        f"{name} keeps {count} features for {events} events, fewer than {EVENTS_PER_FEATURE} each"
        for name, count in kept.items()
        if count * EVENTS_PER_FEATURE > events
    ]
    return {
        "tuning": {name: model.tuning.document() for name, model in models.items()},
        "tuning_of_folds": {name: _common(results, name) for name in models},
        "features_kept": kept,
        "without_modality": {name: int((~block.present).sum()) for name, block in work.blocks.items()},
        "concordance": {name: _optimism(work, side, models[name], predictions, name) for name in models},
        "warnings": warnings,
    }


def _common(results: Sequence[FoldResult], name: str) -> list[dict[str, Any]]:
    """What the inner cross-validations of the outer folds chose, most often first."""
    counted = Counter(result.tuning[name] for result in results)
    return [{**tuning.document(), "folds": count} for tuning, count in counted.most_common()]


def _optimism(
    work: Work, side: Side, model: Additive, predictions: Predictions, name: str
) -> dict[str, float | None]:
    """Harrell's C on the subjects fitted on, on subjects not seen, and the difference."""
    time, event = work.outcome.time, work.outcome.event
    apparent = harrell_c(time, event, model.risk(side.prepared, len(time)))
    seen = [
        harrell_c(time[fold == number], event[fold == number], risk[fold == number])
        for fold, risk in zip(predictions.fold, predictions.risk[name], strict=True)
        for number in np.unique(fold)
    ]
    honest = [value for value in seen if value is not None]
    if apparent is None or not honest:
        return {"apparent": apparent, "cross_validated": None, "optimism": None}
    mean = float(np.mean(honest))
    return {"apparent": apparent, "cross_validated": mean, "optimism": apparent - mean}
