import json

import numpy as np

from medgantry.features.column import Column
from medgantry.survival.preparation.block import Block, encode
from medgantry.survival.preparation.preparation import LEAST_DIFFERENT, LIMIT, MOST, Preparation
from tests.medgantry.survival.cohorts import block

EVERYBODY = np.ones(60, dtype=bool)


def test_categories_become_columns_by_declaration() -> None:
    columns = [
        Column(
            name="stage", role="baseline", kind="category", categories=("T1", "T2", "T3"), modality="clinical"
        ),
        Column(name="age", role="baseline", kind="number", unit="a", modality="clinical"),
    ]
    rows = [
        {"stage": "T1", "age": 60.0},
        {"stage": None, "age": None},
        {"stage": "T9", "age": 70.0},
        {"age": 1.0},
    ]
    made = encode("clinical", columns, rows)
    assert list(made.names) == ["stage=T1", "stage=T2", "stage=T3", "stage=missing", "age", "age=missing"]
    assert list(made.sources) == ["stage"] * 4 + ["age"] * 2
    assert made.values[0].tolist() == [1, 0, 0, 0, 60, 0]
    assert np.isnan(made.values[1, 4])
    # Missing, and a category that was never declared, have a column of their own.
    assert made.values[:, 3].tolist() == [0, 1, 1, 1]
    assert made.present.tolist() == [True, False, True, True]


def test_nothing_is_learnt_from_the_test_side() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 20))
    values[rng.random((60, 20)) < 0.1] = np.nan
    training = np.arange(60) < 40
    before = Preparation.fit(block(values), training)
    changed = values.copy()
    changed[~training] = 1e6 * rng.normal(size=(20, 20))
    after = Preparation.fit(block(changed), training)
    assert before.document() == after.document()
    np.testing.assert_array_equal(
        before.apply(block(values))[training], after.apply(block(changed))[training]
    )


def test_a_missing_number_becomes_the_median_of_the_training_side() -> None:
    values = np.arange(60.0)[:, None].copy()
    values[[3, 50]] = np.nan
    training = np.arange(60) < 40
    made = Preparation.fit(block(values), training)
    assert made.median[0] == np.nanmedian(values[training])
    scaled = made.apply(block(values))
    assert scaled[50, 0] == (made.median[0] - made.mean[0]) / made.spread[0]


def test_who_lacks_the_modality_is_neither_learnt_from_nor_filled() -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    present = np.arange(60) % 5 > 0
    values[~present] = 1e9
    made = Preparation.fit(block(values, present=present), EVERYBODY)
    assert np.abs(made.mean).max() < 1
    assert np.isnan(made.apply(block(values, present=present))[~present]).all()


def test_near_constant_and_redundant_columns_go() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=60)
    rare, common = np.zeros(60), np.zeros(60)
    rare[: LEAST_DIFFERENT - 1], common[:LEAST_DIFFERENT] = 1, 1
    values = np.column_stack([first, first + 0.01 * rng.normal(size=60), rare, common, np.full(60, np.nan)])
    assert Preparation.fit(block(values), EVERYBODY).columns.tolist() == [0, 3]


def test_of_thousands_of_columns_the_most_variable_stay() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, MOST + 100)) * np.linspace(1, 2, MOST + 100)
    kept = Preparation.fit(block(values), EVERYBODY).columns
    assert len(kept) == MOST
    assert np.median(kept) > np.median(np.arange(MOST + 100))


def test_an_outlier_is_cut_off() -> None:
    values = np.random.default_rng(0).normal(size=(60, 1))
    made = Preparation.fit(block(values), EVERYBODY)
    assert made.apply(block(np.array([[1e9]])))[0, 0] == LIMIT


def test_a_block_of_nothing_leaves_no_columns_and_saving_keeps_everything() -> None:
    empty = Preparation.fit(block(np.full((60, 3), np.nan)), EVERYBODY)
    assert len(empty.columns) == 0
    made = Preparation.fit(block(np.random.default_rng(0).normal(size=(60, 3))), EVERYBODY)
    again = Preparation.read(json.loads(json.dumps(made.document())))
    fresh: Block = block(np.random.default_rng(1).normal(size=(9, 3)))
    np.testing.assert_array_equal(again.apply(fresh), made.apply(fresh))
