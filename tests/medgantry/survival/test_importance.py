import numpy as np
import pytest

from medgantry.survival.estimators.regression import Tuning
from medgantry.survival.importance import permutation_drops, summarize
from medgantry.survival.proportional_hazards import schoenfeld_test
from medgantry.survival.side import Side
from tests.medgantry.survival.cohorts import block, draw_outcome


def test_what_acts_on_the_hazard_is_important_and_what_is_not_used_is_not_there() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(600, 5))
    outcome = draw_outcome(1.2 * values[:, 0] + 0.4 * values[:, 1], rng)
    blocks = {"clinical": block(values)}
    side = Side.of(blocks, outcome, np.arange(600) < 400)
    model = side.fit(["clinical"], "cox", Tuning(kept=3, penalty=0.01))
    found = permutation_drops(model, side.prepared, blocks, outcome, np.arange(400, 600), rng)
    assert len(found) == 3
    assert found["clinical_0"] > 0.1
    assert found["clinical_0"] > 2 * found["clinical_1"] > 0
    noise = next(name for name in found if name not in ("clinical_0", "clinical_1"))
    assert abs(found[noise]) < 0.02


def test_a_fold_that_does_not_use_a_feature_counts_as_zero() -> None:
    lines = summarize([{"a": 0.2}, {"a": 0.2, "b": 0.1}], {"a": "clinical", "b": "radiomics"}, 0.25)
    assert [(line["feature"], line["value"], line["used"]) for line in lines] == [
        ("a", 0.2, 1.0),
        ("b", 0.05, 0.5),
    ]
    assert lines[0]["low"] == lines[0]["high"] == 0.2
    assert lines[1]["low"] < 0 < lines[1]["high"]


def test_an_effect_that_fades_is_noticed_and_one_that_stays_is_not() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(800, 2))
    # The first acts on the first 300 days only.
    early = 600 * rng.exponential(size=800) * np.exp(-1.5 * values[:, 0] - 0.7 * values[:, 1])
    late = 300 + 600 * rng.exponential(size=800) * np.exp(-0.7 * values[:, 1])
    death = np.where(early < 300, early, late)
    outcome = draw_outcome(np.zeros(800), rng)
    outcome = type(outcome)(time=np.minimum(death, 1500.0), event=death < 1500)
    blocks = {"clinical": block(values)}
    side = Side.of(blocks, outcome, np.ones(800, dtype=bool))
    model = side.fit(["clinical"], "cox", Tuning(kept=2, penalty=0.01))
    found = {line["feature"]: line["p"] for line in schoenfeld_test(model, side.prepared, blocks, outcome)}
    assert found["clinical_0"] < 1e-6
    assert found["clinical_1"] > 0.001


@pytest.mark.parametrize("events", [0, 5])
def test_with_few_events_proportional_hazards_are_not_tested(events: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 2))
    outcome = draw_outcome(values[:, 0], rng)
    outcome = type(outcome)(time=outcome.time, event=np.arange(50) < max(1, events))
    blocks = {"clinical": block(values)}
    side = Side.of(blocks, outcome, np.ones(50, dtype=bool))
    model = side.fit(["clinical"], "cox", Tuning(kept=1, penalty=0.1))
    assert schoenfeld_test(model, side.prepared, blocks, outcome) == []
