import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.features.table import FeatureTable
from medgantry.fingerprint import hash_file
from medgantry.survival.model import SurvivalModel
from medgantry.survival.settings import Settings
from medgantry.survival.study import Study, choose_columns
from medgantry.survival.train import train
from tests.medgantry.survival.cohorts import columns, table

TABLE = table(100)
QUICK = Settings(
    folds=3, repeats=2, inner_folds=2, kept=(1,), penalties=(0.1,), rounds=(15,), known_until="surgery"
)


def learn(settings: Settings = QUICK, made: FeatureTable = TABLE, seed: int = 0) -> SurvivalModel:
    study = Study.of(made, choose_columns(made, "", "surgery"))
    return train(study, settings, seed=seed, table_hash=made.content_hash, advance=lambda done, total: None)


@pytest.fixture(scope="module")
def model() -> SurvivalModel:
    return learn()


def fresh() -> FeatureTable:
    """Subjects who were not learnt from, of whom no outcome is known."""
    made = table(30, seed=9, without=("radiomics", "expression"))
    return replace(made, columns=columns()[2:])


def test_a_model_holds_what_vouches_for_it(model: SurvivalModel) -> None:
    assert model.candidates == ["pooled", "clinical", "radiomics", "expression"]
    assert model.predictions.table_hash == TABLE.content_hash
    assert model.predictions.risk["pooled"].shape == (2, 100)
    assert model.provenance["without_modality"] == {"clinical": 0, "radiomics": 0, "expression": 10}
    concordance = model.provenance["concordance"]["pooled"]
    assert concordance["optimism"] == concordance["apparent"] - concordance["cross_validated"]
    assert model.provenance["settings"]["known_until"] == "surgery"
    planted = {"clinical__age", "radiomics__0", "expression__0"}
    assert {line["feature"] for line in model.coefficients} == planted
    assert all(line["value"] > 0.3 for line in model.coefficients)
    assert {line["feature"] for line in model.importance[:3]} == planted
    assert all(line["low"] <= line["value"] <= line["high"] for line in model.importance)
    assert {line["feature"] for line in model.proportional_hazards} == planted
    assert {line["subjects"] for line in model.proportional_hazards} == {90}


@pytest.mark.parametrize("estimator", ["cox", "boosted-cox", "boosted-aft"])
def test_what_is_opened_predicts_what_was_saved(tmp_path: Path, model: SurvivalModel, estimator: str) -> None:
    made = model if estimator == "cox" else learn(replace(QUICK, estimator=estimator))
    made.save(tmp_path / "model")
    again = SurvivalModel.open(tmp_path / "model")
    assert again.candidates == made.candidates
    for candidate in made.candidates:
        before, after = made.predict(fresh(), candidate), again.predict(fresh(), candidate)
        np.testing.assert_array_equal(before.risk, after.risk)
        np.testing.assert_array_equal(before.survival, after.survival)
    assert again.predictions.content_hash == made.predictions.content_hash
    assert list(again.importance) == list(made.importance)
    assert list(again.entries) == list(made.entries)
    again.save(tmp_path / "again")
    assert (tmp_path / "again/model.json").read_text() == (tmp_path / "model/model.json").read_text()
    assert made.model_hash == again.model_hash == hash_file(tmp_path / "model/model.json")
    said = made.predict(fresh())
    assert said.survival.shape == (30, 40)
    assert (np.diff(said.survival, axis=1) <= 0).all()
    assert said.risk.std() > 0.2
    if estimator != "cox":
        assert made.coefficients == []
        assert {line["feature"] for line in made.proportional_hazards} == {
            f"risk by {name}" for name in ("clinical", "radiomics", "expression")
        }


def test_a_missing_modality_says_nothing(model: SurvivalModel) -> None:
    found = model.predict(fresh())
    clinical_alone = [place for place in range(30) if place % 10 == 9]
    term = model.models["pooled"].terms["clinical"]
    age = np.array([row["clinical__age"] for row in fresh().rows])
    prepared = model.preparations["clinical"]
    used = term.fitted.used()[0]
    scaled = (age - prepared.mean[used]) / prepared.spread[used]
    expected = scaled * np.array(term.fitted.document()["coefficients"])[used] - term.centre
    np.testing.assert_allclose(found.risk[clinical_alone], expected[clinical_alone])
    alone = model.predict(fresh(), "expression")
    assert not alone.risk[clinical_alone].any()


def test_a_category_that_was_not_declared_counts_as_missing(model: SurvivalModel) -> None:
    made = fresh()
    known = [
        replace(c, categories=(*c.categories, "T9")) if c.kind == "category" else c for c in made.columns
    ]
    strange, missing = (
        model.predict(
            replace(made, columns=known, rows=[{**row, "clinical__stage": value} for row in made.rows]),
            "clinical",
        )
        for value in ("T9", None)
    )
    np.testing.assert_array_equal(strange.risk, missing.risk)


def test_a_table_with_other_features_is_refused(model: SurvivalModel) -> None:
    made = fresh()
    months = [replace(c, unit="mo") if c.name == "clinical__age" else c for c in made.columns]
    with pytest.raises(Mismatch, match="'clinical__age' must be number in a, found number in mo"):
        model.predict(replace(made, columns=months))
    with pytest.raises(Mismatch, match="1 differ: 'clinical__age' is missing"):
        model.predict(replace(made, columns=made.columns[1:]))
    with pytest.raises(InvalidInput, match="no candidate 'genes'; it has pooled"):
        model.predict(made, "genes")


def test_a_folder_that_was_edited_is_refused(tmp_path: Path, model: SurvivalModel) -> None:
    model.save(tmp_path)
    document = json.loads((tmp_path / "model.json").read_text())
    document["provenance"]["events"] = 1
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match=r"model.json of .* is not what was saved"):
        SurvivalModel.open(tmp_path)
    model.save(tmp_path)
    (tmp_path / "importance.json").write_text("[]")
    with pytest.raises(InvalidInput, match=r"importance.json of"):
        SurvivalModel.open(tmp_path)


def test_the_same_seed_gives_the_same_model(tmp_path: Path, model: SurvivalModel) -> None:
    model.save(tmp_path / "a")
    learn().save(tmp_path / "b")
    assert (tmp_path / "a/model.json").read_text() == (tmp_path / "b/model.json").read_text()
    assert learn(seed=1).predictions.content_hash != model.predictions.content_hash


def test_too_few_events_are_refused() -> None:
    few = table(14)
    rows = [dict(row) | {"died": float(place < 4)} for place, row in enumerate(few.rows)]
    with pytest.raises(
        InvalidInput, match="3 folds need at least 6 subjects with the event and 12 in all; found 4 and 14"
    ):
        learn(made=replace(few, rows=rows))
