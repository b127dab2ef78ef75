"""Evaluation of a real bundle on real photos in a real store, alone and beside a champion."""

import json
import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE
from medgantry.errors import Mismatch
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.evaluate import evaluate, evaluation_key
from medgantry.evaluation.evaluation import Evaluation
from medgantry.steps import StepRecord
from medgantry.training.calibrate import calibrate
from tests.medgantry.colours import CLASSES, make_bundle, make_cohort

SEX = ({"sex": "female", "age": "50"}, {"sex": "male", "age": "50"}, {"sex": "female", "age": ""})


def judge(cohort, bundle, folder, champion=None):
    made = evaluate(
        cohort, bundle, champion, folder, split="test", seed=0, record=StepRecord(step="evaluate")
    )
    opened = Evaluation.open(folder)
    assert json.loads(json.dumps(opened.metrics)) == json.loads(json.dumps(made.metrics))
    return opened


def champion_of(bundle, version=1):
    return Champion(name="m", version=version, bundle=bundle)


def test_rows_metrics_and_report_come_together(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=60, targets=SEX)
    found = judge(cohort, make_bundle(tmp_path / "b", cohort, noise=0.0, sharpness=20), tmp_path / "e")
    assert found.case_ids == cohort.side("test")
    assert found.primary == ["auc", "macro"]
    assert 0.55 < found.metrics["auc"]["macro"]["estimate"] < 0.85
    lines = {(line["by"], line["value"]): line for line in found.metrics["subgroups"]}
    assert {key for key in lines if key[0] == "sex"} == {("sex", "female"), ("sex", "male")}
    assert lines["age", "unknown"]["n"] == 20
    assert all(line["low"] <= line["estimate"] <= line["high"] for line in lines.values())
    assert found.metrics["comparison"] is None
    assert found.estimates()["auc_macro"] == found.metrics["auc"]["macro"]["estimate"]
    report = (tmp_path / "e/report.html").read_text()
    named = re.findall(r"<b>(case-[\d-]+)</b>", report)
    pictures = re.findall(r'<img alt="(case-[\d-]+)" src="data:image/png;base64,', report)
    assert named == pictures
    assert sorted(named) == sorted(path.stem for path in (tmp_path / "e/pictures").glob("*.png"))
    worst = min(found.rows, key=lambda row: row[f"probability {row['reference']}"])
    assert named[0] == worst["case_id"]


def test_the_temperature_of_the_validation_cases_helps_an_overconfident_model_on_test(store, tmp_path):
    cohort = make_cohort(store, tmp_path, train=50, test=150, seed=1)
    bundle = make_bundle(tmp_path / "b", cohort, noise=0.0, sharpness=40)
    assert judge(cohort, bundle, tmp_path / "before").metrics["calibration"]["ece_before"] >= 0.05
    record = StepRecord(step="evaluate")
    fitting = evaluate(cohort, bundle, None, tmp_path / "v", split="validation", seed=0, record=record)
    found = calibrate(bundle, [_validated(row) for row in fitting.rows])
    (bundle.folder / PROVENANCE).write_text(json.dumps({**bundle.provenance, "calibration": found}))
    measured = judge(cohort, Bundle(bundle.folder), tmp_path / "after").metrics["calibration"]
    assert (measured["temperature"], measured["fitted_on"]) == (found["temperature"], 50)
    assert measured["ece_before"] >= 0.05
    assert measured["ece_after"] < measured["ece_before"]
    assert measured["nll_change"]["high"] < 0


def _validated(row):
    """As training's validation has it."""
    return {
        "class_index": CLASSES.index(row["reference"]),
        "logits": [row[f"logit {name}"] for name in CLASSES],
    }


def test_a_champion_is_asked_about_the_same_cases(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=80, targets=SEX, signal=30)
    good = make_bundle(tmp_path / "good", cohort, noise=0.0)
    bad = make_bundle(tmp_path / "bad", cohort, noise=2.0)
    found = judge(cohort, good, tmp_path / "e", champion_of(bad))
    comparison = found.metrics["comparison"]
    assert comparison["difference"]["low"] > 0
    assert (comparison["cases"], comparison["left_out"]) == (80, 0)
    rows = pq.read_table(tmp_path / "e/champion_cases.parquet").to_pylist()
    assert [row["case_id"] for row in rows] == found.case_ids
    turned = judge(cohort, bad, tmp_path / "f", champion_of(good)).metrics["comparison"]
    assert turned["difference"]["estimate"] == pytest.approx(-comparison["difference"]["estimate"])
    assert {line["value"] for line in comparison["subgroups"]} >= {"female", "male"}
    assert "Beside the champion, version 1" in (tmp_path / "e/report.html").read_text()


def test_cases_that_the_champion_was_trained_on_are_left_out(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=40, train=10)
    turned = {"train": "test", "test": "train", "validation": "validation"}
    other = replace(cohort, cases=[replace(case, split=turned[case.split]) for case in cohort.cases])
    candidate = make_bundle(tmp_path / "candidate", cohort, noise=0.0)
    champion = make_bundle(tmp_path / "champion", other, noise=0.5)
    found = judge(cohort, candidate, tmp_path / "e", champion_of(champion)).metrics["comparison"]
    assert "trained on all" in found["incomparable"]
    half = [replace(c, split="test" if i % 2 else c.split) for i, c in enumerate(other.cases)]
    champion = make_bundle(tmp_path / "half", replace(other, cases=half), noise=0.5)
    found = judge(cohort, candidate, tmp_path / "f", champion_of(champion)).metrics["comparison"]
    assert (found["cases"], found["left_out"]) == (20, 20)


def test_being_champion_oneself_changes_nothing(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=10)
    bundle = make_bundle(tmp_path / "b", cohort, noise=0.0)
    other = make_bundle(tmp_path / "o", cohort, noise=1.0)
    keys = [
        evaluation_key(cohort, bundle, who, split="test", seed=0)
        for who in (None, champion_of(bundle), champion_of(other))
    ]
    assert keys[0] == keys[1] != keys[2]
    assert judge(cohort, bundle, tmp_path / "e", champion_of(bundle)).metrics["comparison"] is None


def test_an_external_cohort_is_judged_whole(store, tmp_path):
    ours = make_cohort(store, tmp_path, test=4)
    theirs = make_cohort(store, tmp_path, test=30, seed=7, external=True)
    bundle = make_bundle(tmp_path / "b", ours, noise=0.0)
    found = judge(theirs, bundle, tmp_path / "e")
    assert found.metrics["external"]
    assert len(found.rows) == len(theirs.cases)
    assert "an external cohort" in (tmp_path / "e/report.html").read_text()


def test_a_class_that_the_bundle_does_not_know_is_refused(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=4)
    bundle = make_bundle(tmp_path / "b", cohort, noise=0.0)
    first = cohort.cases[0]
    odd = replace(first, targets={"diagnosis": "cyst"})
    strange = replace(cohort, cases=[odd, *cohort.cases[1:]])
    with pytest.raises(Mismatch, match="cyst"):
        bundle.check_cohort(strange)


@pytest.mark.parametrize("test", [1, 2, 3])
def test_few_cases_give_no_nan_and_a_whole_report(store, tmp_path, test):
    cohort = make_cohort(store, tmp_path, test=test)
    bundle = make_bundle(tmp_path / "b", cohort, noise=0.0)
    champion = champion_of(make_bundle(tmp_path / "c", cohort, noise=1.0))
    found = judge(cohort, bundle, tmp_path / "e", champion)
    json.dumps(found.metrics, allow_nan=False)
    assert not re.search(r">[^<]*\b(nan|inf|None)\b", (tmp_path / "e/report.html").read_text())


def test_a_case_that_cannot_be_read_is_in_the_ledger(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=6)
    bundle = make_bundle(tmp_path / "b", cohort, noise=0.0)
    bad = cohort.side("test")[0]
    files = [replace(f, channel="grey") if f.case_id == bad else f for f in cohort.files]
    broken = replace(cohort, files=files)
    made = make_bundle(tmp_path / "b2", broken, noise=0.0)
    found = judge(broken, made, tmp_path / "e")
    assert found.metrics["cases"] == 5
    assert bad not in found.case_ids
    assert bad in (tmp_path / "e/report.html").read_text()
    assert bundle.weights_hash == made.weights_hash


def test_a_champion_that_ceased_to_work_keeps_nobody_from_being_judged(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=12)
    broken = make_bundle(tmp_path / "broken", cohort, noise=1.0)
    path = broken.folder / "configs/inference.json"
    config = json.loads(path.read_text())
    config["preprocessing"]["transforms"].append(
        {"_target_": "Lambdad", "keys": "image", "func": "$lambda image: image / 'x'"}
    )
    path.write_text(json.dumps(config))
    champion = champion_of(Bundle(broken.folder))
    found = judge(cohort, make_bundle(tmp_path / "b", cohort, noise=0.0), tmp_path / "e", champion)
    assert found.metrics["cases"] == 12
    assert "version 1 does not work" in found.metrics["comparison"]["incomparable"]
    assert "version 1 does not work" in (tmp_path / "e/report.html").read_text()


def test_a_report_on_cases_of_the_training_says_so(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=4)
    bundle = make_bundle(tmp_path / "b", cohort, noise=0.0)
    evaluate(cohort, bundle, None, tmp_path / "e", split="train", seed=0, record=StepRecord(step="evaluate"))
    report = (tmp_path / "e/report.html").read_text()
    assert "The model was trained or validated on 4 of these cases" in report
    assert "neither trained nor validated" not in report
