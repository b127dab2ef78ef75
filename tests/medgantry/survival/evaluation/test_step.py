import dataclasses
from pathlib import Path

import pytest

from medgantry.documents import write_document
from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.champion import model_folder, write_champion
from medgantry.evaluation.evaluation import Evaluation
from medgantry.steps import read_records
from medgantry.storage import ObjectStore
from medgantry.survival.evaluation.step import HEADLINES, evaluate_survival_step
from medgantry.survival.predictions import Predictions
from tests.medgantry.survival.evaluation.cohort import make_model, make_predictions, make_table


def on_table(predictions: Predictions, folder: Path) -> Predictions:
    """The same predictions, learnt from a table that is written to a folder."""
    table = make_table(predictions)
    table.save(folder)
    return dataclasses.replace(predictions, table_hash=table.content_hash)


def evaluate(tmp_path: Path, name: str, champion: Path | None = None, horizons: str = "") -> Evaluation:
    places = (
        tmp_path / name,
        tmp_path / "table",
        champion,
        tmp_path / f"{name}-out",
        tmp_path / f"{name}.html",
    )
    evaluate_survival_step(*places, horizons=horizons)
    return Evaluation.open(tmp_path / f"{name}-out")


def test_a_model_is_judged_reported_and_reused(store: ObjectStore, tmp_path: Path) -> None:
    predictions = on_table(make_predictions(), tmp_path / "table")
    make_model(predictions, make_table(predictions).entries).save(tmp_path / "model")
    found = evaluate(tmp_path, "model")
    assert (found.task, found.split, *found.primary) == ("survival", "cross-validation", "uno_c", "pooled")
    assert found.cohort_hash == predictions.table_hash
    assert found.case_ids == list(predictions.subjects)
    assert found.metrics["comparison"] is None
    assert {line["by"] for line in found.metrics["subgroups"]} == {"clinical__age", "clinical__sex"}
    report = (tmp_path / "model.html").read_text()
    for wanted in (
        "days from surgery",
        "death of any cause",
        "&lt;none&gt;",
        "9 of 90",
        "Numbers at risk",
        "log-rank test",
        "Coefficients of pooled",
        "Proportional hazards in pooled",
        "the day of surgery",
        "pooled keeps 2 features for 9 events",
        predictions.content_hash,
    ):
        assert wanted in report
    evaluate(tmp_path, "model")
    (record,) = read_records(store, "test")
    assert record["reused"]
    assert {score["metric"] for score in record["facts"]["scores"]} == set(HEADLINES)


def test_a_model_is_not_judged_with_another_table(store: ObjectStore, tmp_path: Path) -> None:
    on_table(make_predictions(), tmp_path / "table")
    make_model(make_predictions()).save(tmp_path / "model")
    with pytest.raises(Mismatch, match="learnt from feature table"):
        evaluate(tmp_path, "model")


def test_a_day_beyond_follow_up_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    make_model(on_table(make_predictions(), tmp_path / "table")).save(tmp_path / "model")
    with pytest.raises(InvalidInput, match="Day 9999 cannot be judged"):
        evaluate(tmp_path, "model", horizons="731,9999")
    with pytest.raises(InvalidInput, match="must be days"):
        evaluate(tmp_path, "model", horizons="two years")


def write_champion_of(tmp_path: Path, predictions: Predictions, version: int = 3) -> Path:
    folder = tmp_path / "champion"
    make_model(predictions).save(model_folder(folder))
    write_champion(folder, name="nsclc", version=version)
    return folder


def test_the_champion_is_compared_on_the_subjects_that_both_know(store: ObjectStore, tmp_path: Path) -> None:
    predictions = on_table(make_predictions(), tmp_path / "table")
    make_model(predictions).save(tmp_path / "model")
    poor = {name: predictions.risk["clinical"] for name in predictions.risk}
    shared = predictions.subjects[:80]
    champion = write_champion_of(tmp_path, dataclasses.replace(predictions, risk=poor).only(shared))
    found = evaluate(tmp_path, "model", champion).metrics["comparison"]
    assert (found["version"], found["incomparable"], found["cases"], found["left_out"]) == (3, "", 80, 10)
    assert found["difference"]["low"] > 0
    assert found["difference"]["estimate"] > found["difference"]["low"]
    assert "Beside the champion, version 3" in (tmp_path / "model.html").read_text()


def test_a_champion_of_other_outcomes_is_not_compared_with(store: ObjectStore, tmp_path: Path) -> None:
    predictions = on_table(make_predictions(), tmp_path / "table")
    make_model(predictions).save(tmp_path / "model")
    champion = write_champion_of(tmp_path, dataclasses.replace(predictions, time=predictions.time + 30))
    found = evaluate(tmp_path, "model", champion).metrics["comparison"]
    assert found["incomparable"] == "version 3 was judged by other outcomes of 90 of 90 subjects"


def test_the_champion_itself_and_nobody_are_nobody_to_compare_with(
    store: ObjectStore, tmp_path: Path
) -> None:
    predictions = on_table(make_predictions(), tmp_path / "table")
    make_model(predictions).save(tmp_path / "model")
    champion = write_champion_of(tmp_path, predictions)
    assert evaluate(tmp_path, "model", champion).metrics["comparison"] is None
    write_document(champion / "champion.json", "medgantry/champion/1", {"name": "nsclc", "version": 0})
    assert evaluate(tmp_path, "model", champion).metrics["comparison"] is None
