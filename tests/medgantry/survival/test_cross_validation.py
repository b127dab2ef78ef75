import numpy as np
import pytest

from medgantry.statistics.survival.concordance import harrell_c
from medgantry.survival.cross_validation import Work, cross_validate, gather, outer_folds, run_fold
from medgantry.survival.outcome import Outcome
from medgantry.survival.settings import Settings
from tests.medgantry.survival.cohorts import block, draw_outcome

QUICK = Settings(folds=4, repeats=1, inner_folds=3, kept=(1, 3), penalties=(0.1,))


def work_of(values: np.ndarray, outcome: Outcome, settings: Settings = QUICK, seed: int = 0) -> Work:
    blocks = {"clinical": block(values[:, :3]), "expression": block(values[:, 3:], "expression")}
    candidates = {"pooled": list(blocks)} | {name: [name] for name in blocks}
    grid = np.array([200.0, 600.0])
    return Work(
        blocks=blocks, outcome=outcome, candidates=candidates, settings=settings, grid=grid, seed=seed
    )


def cohort(patients: int, genes: int, effect: float, seed: int = 0) -> tuple[np.ndarray, Outcome]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, 3 + genes))
    return values, draw_outcome(effect * (values[:, 0] + values[:, 3]), rng)


def concordances(work: Work) -> dict[str, float]:
    """Mean over test sides."""
    folds = outer_folds(work)
    results = [
        run_fold(work, folds, repeat, fold)
        for repeat in range(work.settings.repeats)
        for fold in range(work.settings.folds)
    ]
    time, event = work.outcome.time, work.outcome.event
    return {
        name: float(np.mean([harrell_c(time[r.test], event[r.test], r.risk[name]) for r in results]))
        for name in work.candidates
    }


def test_noise_stays_noise_however_much_there_is_of_it() -> None:
    found = [concordances(work_of(*cohort(80, 1500, 0.0, seed)))["pooled"] for seed in range(6)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_a_planted_hazard_is_found_and_modalities_add_up() -> None:
    found = concordances(work_of(*cohort(240, 30, 1.0)))
    assert found["pooled"] > max(found["clinical"], found["expression"]) + 0.03
    assert found["pooled"] > 0.72


def test_predictions_are_the_same_in_processes_and_do_not_depend_on_their_order() -> None:
    work = work_of(*cohort(60, 5, 1.0))
    told: list[tuple[int, int]] = []
    folds, results = cross_validate(work, lambda done, total: told.append((done, total)))
    assert told == [(place, 4) for place in (1, 2, 3, 4)]
    risk, survival = gather(folds, results, "pooled")
    assert risk.shape == (1, 60)
    assert survival.shape == (1, 60, 2)
    for fold in (2, 0):
        alone = run_fold(work, folds, 0, fold)
        np.testing.assert_array_equal(alone.risk["pooled"], risk[0, alone.test])
        np.testing.assert_array_equal(alone.survival["pooled"], survival[0, alone.test])
    assert (outer_folds(work_of(*cohort(60, 5, 1.0), seed=1)) != folds).any()


def test_the_outcome_of_the_test_side_changes_no_prediction() -> None:
    values, outcome = cohort(80, 10, 1.0)
    work = work_of(values, outcome)
    folds = outer_folds(work)
    test = folds[0] == 0
    turned = Outcome(
        time=np.where(test, 1 + outcome.time.max() - outcome.time, outcome.time), event=outcome.event ^ test
    )
    before, after = (run_fold(work_of(values, each), folds, 0, 0) for each in (outcome, turned))
    np.testing.assert_array_equal(before.risk["pooled"], after.risk["pooled"])
    assert before.tuning == after.tuning
