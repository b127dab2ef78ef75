"""Subjects that a model of survival learnt from, beside requests as they are logged."""

import json
from dataclasses import asdict, replace

import pytest
from scipy import stats

from medgantry.errors import Mismatch
from medgantry.features.table import FeatureTable
from medgantry.monitoring.drift import LEVEL, Drift, find_drift
from medgantry.monitoring.feature_reference import make_feature_reference
from medgantry.survival.model import SurvivalModel
from tests.medgantry.monitoring.subjects import changed, learn, records
from tests.medgantry.survival.cohorts import table

WINDOWS = 200
TABLE, ASKED = table(120, seed=1), table(60, seed=2)


@pytest.fixture(scope="module")
def model() -> SurvivalModel:
    return learn(TABLE)


def as_if_learnt_from(model: SurvivalModel, other: FeatureTable) -> SurvivalModel:
    """A model that says it learnt from another table of the same subjects: fitting one takes longer."""
    return replace(model, predictions=replace(model.predictions, table_hash=other.content_hash))


def compare(model: SurvivalModel, learnt: FeatureTable, asked: FeatureTable) -> Drift:
    requests = [record.observation() for record in records(model, asked)]
    return find_drift(make_feature_reference(model, learnt).observations, requests)


def test_false_alarms_over_undrifted_windows_stay_within_the_level(model: SurvivalModel) -> None:
    """Each window with training subjects of its own; every tenth subject lacks the genes, every seventh the stage."""
    alarms = 0
    for window in range(WINDOWS):
        learnt, asked = table(120, seed=1000 + window), table(60, seed=5000 + window)
        drift = compare(as_if_learnt_from(model, learnt), learnt, asked)
        assert len(drift.features) == 14, "twelve of images and genes, age and stage"
        alarms += bool(drift.drifted)
    print(f"{alarms} of {WINDOWS} windows raised a false alarm")
    assert alarms <= stats.binom.ppf(0.95, WINDOWS, LEVEL)


def test_a_feature_that_moved_is_found_and_named(model: SurvivalModel) -> None:
    assert compare(model, TABLE, ASKED).drifted == []
    (moved,) = compare(model, TABLE, changed(ASKED, clinical__age=1.5)).drifted
    assert moved.name == "feature clinical__age"
    assert (moved.effect or 0) > 1
    assert moved.requests["estimate"] > moved.reference["estimate"]


def test_risk_is_said_to_be_untested(model: SurvivalModel) -> None:
    assert compare(model, TABLE, ASKED).untested == {
        "risk": "0 in the reference, 60 in the requests; 20 are needed"
    }


def test_a_modality_that_ceases_to_arrive_is_found_by_all_of_its_features(model: SurvivalModel) -> None:
    names = [f"radiomics__{place}" for place in range(6)]
    drift = compare(model, TABLE, changed(ASKED, **dict.fromkeys(names)))
    assert {f.name for f in drift.drifted} == {f"feature {name}" for name in names}
    assert all(f.requests == {"missing": 1.0} for f in drift.drifted)


def test_a_category_that_shifts_or_ceases_to_arrive_is_found(model: SurvivalModel) -> None:
    for value, shares in (("T3", {"T3": 1.0}), (None, {"missing": 1.0})):
        (found,) = compare(model, TABLE, changed(ASKED, clinical__stage=value)).drifted
        assert (found.name, found.test) == ("feature clinical__stage", "chi-square")
        assert found.requests == shares


def test_each_subject_that_was_learnt_from_counts_by_its_features() -> None:
    learnt = table(60, seed=3)
    lost = replace(
        learnt, rows=[{**row, "days": None} if row is learnt.rows[7] else row for row in learnt.rows]
    )
    model = learn(lost)
    reference = make_feature_reference(model, lost)
    assert reference.sources == {"model": model.model_hash, "feature table": lost.content_hash}
    assert len(reference.observations) == len(model.predictions.subjects) == 59
    said = json.dumps(asdict(reference))
    for subject, seen in zip(model.predictions.subjects, reference.observations, strict=True):
        row = next(row for row in lost.rows if row["subject_id"] == subject)
        assert seen.inputs["feature clinical__age"] == row["clinical__age"]
        assert seen.categories.get("feature clinical__stage") == row["clinical__stage"]
        assert subject not in said
    assert not {"days", "died", "chemotherapy"} & {word for name in seen.inputs for word in name.split("__")}


def test_another_table_than_the_models_is_refused(model: SurvivalModel) -> None:
    with pytest.raises(Mismatch, match="learnt from feature table"):
        make_feature_reference(model, ASKED)
