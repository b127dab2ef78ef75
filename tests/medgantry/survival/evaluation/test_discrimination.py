import numpy as np
import pytest
from numpy.typing import NDArray

from medgantry.statistics.survival.concordance import Pairs, dynamic_auc, harrell_c, uno_c
from medgantry.statistics.survival.kaplan_meier import follow_up
from medgantry.survival.evaluation.discrimination import Ordering, concordance
from medgantry.survival.evaluation.weighted_outcome import WeightedOutcome
from tests.medgantry.statistics.survival.outcomes import make_outcomes
from tests.medgantry.survival.evaluation.cohort import folds, make_predictions


def by_hand(
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    fold: NDArray[np.int64],
    risk: NDArray[np.float64],
    power: int,
    tau: float,
) -> float:
    """Every pair by itself."""
    uncensored = follow_up(time, event).at(time, before=True)
    above = below = 0.0
    for first in np.flatnonzero(event & (time < tau)):
        for second in np.flatnonzero(fold == fold[first]):
            if time[second] > time[first] or (time[second] == time[first] and not event[second]):
                weight = uncensored[first] ** -power
                below += weight
                above += weight * (1 + np.sign(risk[first] - risk[second])) / 2
    return float(above / below)


@pytest.mark.parametrize(("power", "tau"), [(0, np.inf), (2, 12.0)])
def test_pairs_are_of_one_fold_and_without_each_is_computed_without_each(power: int, tau: float) -> None:
    time, event, _ = make_outcomes(1)
    generator = np.random.default_rng(0)
    fold, risk = folds(generator, 2, len(time), 3), np.round(generator.normal(size=(2, len(time))), 1)
    pairs = Pairs.uno(time, event, tau) if power else Pairs.harrell(time, event)
    found = concordance(WeightedOutcome(time=time, event=event), pairs, Ordering.of(fold, risk))
    assert found is not None
    for repeat in range(2):
        assert found.values[repeat] == pytest.approx(
            by_hand(time, event, fold[repeat], risk[repeat], power, tau)
        )
        for index in range(0, len(time), 7):
            kept = np.delete(np.arange(len(time)), index)
            expected = by_hand(time[kept], event[kept], fold[repeat, kept], risk[repeat, kept], power, tau)
            assert found.without[repeat, index] == pytest.approx(expected)


def test_with_one_fold_it_is_the_plain_metric() -> None:
    time, event, risk = make_outcomes(3)
    outcomes = WeightedOutcome(time=time, event=event)
    ordering = Ordering.of(np.zeros((1, len(time)), dtype=np.int64), risk[None])
    found = [
        concordance(outcomes, pairs, ordering)
        for pairs in (Pairs.harrell(time, event), Pairs.uno(time, event, 12), Pairs.dynamic(time, event, 9))
    ]
    expected = [harrell_c(time, event, risk), uno_c(time, event, risk, 12), dynamic_auc(time, event, risk, 9)]
    assert [each.value for each in found if each] == pytest.approx(expected)


def test_a_scale_of_risk_per_fold_changes_nothing() -> None:
    predictions = make_predictions()
    outcomes = WeightedOutcome(time=predictions.time, event=predictions.event)
    pairs, risk = Pairs.harrell(predictions.time, predictions.event), predictions.risk["pooled"]
    shifted = np.exp(risk / 10) * 3 + 100.0 * predictions.fold
    first, second = (
        concordance(outcomes, pairs, Ordering.of(predictions.fold, values)) for values in (risk, shifted)
    )
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.values, second.values)


def test_one_subject_in_all_pairs_is_no_statistic() -> None:
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, False, False])
    ordering = Ordering.of(np.zeros((1, 3), dtype=np.int64), np.zeros((1, 3)))
    assert concordance(WeightedOutcome(time=time, event=event), Pairs.harrell(time, event), ordering) is None
