import json

import numpy as np
import pytest

from medgantry.survival.additive import Additive
from medgantry.survival.estimators.regression import Tuning
from medgantry.survival.side import Side
from tests.medgantry.survival.cohorts import block, draw_outcome

TUNING = Tuning(kept=1, penalty=1e-6)


def two_modalities(patients: int = 3000, seed: int = 0):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(patients, 2)), rng.normal(size=(patients, 3))
    outcome = draw_outcome(0.8 * first[:, 0] - 0.6 * second[:, 1], rng)
    return first, second, outcome, rng


def slopes(model: Additive, side: Side) -> dict[str, float]:
    """Log hazard ratio of one unit of each modality's planted column."""
    found = {}
    for name, place in (("clinical", 0), ("radiomics", 1)):
        coefficients = np.array(model.terms[name].fitted.document()["coefficients"])
        found[name] = float(coefficients[place] / side.prepared[name].preparation.spread[place])
    return found


def test_the_planted_hazard_is_found() -> None:
    first, second, outcome, _ = two_modalities()
    blocks = {"clinical": block(first), "radiomics": block(second, "radiomics")}
    side = Side.of(blocks, outcome, np.ones(3000, dtype=bool))
    found = slopes(side.fit(list(blocks), "cox", TUNING), side)
    assert found["clinical"] == pytest.approx(0.8, abs=0.08)
    assert found["radiomics"] == pytest.approx(-0.6, abs=0.08)
    # Alone, a modality sees its effect diluted by what it does not know of.
    alone = side.fit(["clinical"], "cox", TUNING)
    coefficients = np.array(alone.terms["clinical"].fitted.document()["coefficients"])
    assert coefficients[0] / side.prepared["clinical"].preparation.spread[0] < found["clinical"]


def test_a_modality_that_is_missing_says_nothing_and_its_values_are_never_read() -> None:
    first, second, outcome, rng = two_modalities()
    present = rng.random(3000) < 0.6
    found = []
    for hidden in (0.0, 1e9, np.nan):
        values = np.where(present[:, None], second, hidden)
        blocks = {"clinical": block(first), "radiomics": block(values, "radiomics", present)}
        side = Side.of(blocks, outcome, np.ones(3000, dtype=bool))
        model = side.fit(list(blocks), "cox", TUNING)
        risk = model.risk(side.prepared, 3000)
        clinical = model.terms["clinical"].risk(side.prepared["clinical"].x, np.ones(3000, dtype=bool))
        np.testing.assert_array_equal(risk[~present], clinical[~present])
        found.append((risk, slopes(model, side)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][0], found[2][0])
    # Filled with the mean, the effect would be drawn towards 0.
    assert found[0][1]["radiomics"] == pytest.approx(-0.6, abs=0.1)
    assert found[0][1]["clinical"] == pytest.approx(0.8, abs=0.12)


def test_the_test_side_changes_nothing() -> None:
    first, second, outcome, _ = two_modalities(200)
    training = np.arange(200) < 150
    models = []
    for noise in (0.0, 1e3):
        blocks = {
            "clinical": block(first + noise * ~training[:, None]),
            "radiomics": block(second - noise * ~training[:, None], "radiomics"),
        }
        shuffled = outcome.of(np.where(training, np.arange(200), np.arange(200)[::-1])) if noise else outcome
        models.append(Side.of(blocks, shuffled, training).fit(list(blocks), "cox", TUNING).document())
    assert models[0] == models[1]


def test_a_modality_that_nobody_has_leaves_the_others() -> None:
    first, second, outcome, _ = two_modalities(200)
    nobody = np.zeros(200, dtype=bool)
    blocks = {"clinical": block(first), "radiomics": block(second, "radiomics", nobody)}
    side = Side.of(blocks, outcome, np.ones(200, dtype=bool))
    model = side.fit(list(blocks), "cox", TUNING)
    assert list(model.terms) == ["clinical"]
    nothing = side.fit(["radiomics"], "cox", TUNING)
    assert not nothing.risk(side.prepared, 200).any()
    # Of whom nothing is known, survival is that of all.
    assert 0 < nothing.baseline.survival(np.zeros(1), np.array([500.0]))[0, 0] < 1


def test_saving_keeps_everything() -> None:
    first, second, outcome, _ = two_modalities(150)
    blocks = {"clinical": block(first), "radiomics": block(second, "radiomics")}
    side = Side.of(blocks, outcome, np.ones(150, dtype=bool))
    model = side.fit(list(blocks), "cox", TUNING)
    again = Additive.read(json.loads(json.dumps(model.document(), sort_keys=True)))
    np.testing.assert_array_equal(again.risk(side.prepared, 150), model.risk(side.prepared, 150))
