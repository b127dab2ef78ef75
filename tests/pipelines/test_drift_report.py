"""The pipeline on requests that the library logged, as a person runs it: real S3 and MLflow."""

import json
import re

import pytest

from medgantry.cohort.step import split
from medgantry.documents import read_document
from medgantry.ingest.photos.step import ingest_photos
from medgantry.monitoring.request_log import RequestLog
from medgantry.phantoms.skin_lesions import write_photos
from medgantry.serving.answers.survival import SurvivalAnswers
from medgantry.steps import read_records
from medgantry.storage import ObjectStore
from medgantry.survival.model import SurvivalModel
from medgantry.survival.step import train_survival_step
from tests.medgantry.monitoring.requests import log_photos
from tests.medgantry.monitoring.subjects import changed, records
from tests.medgantry.survival.cohorts import table
from tests.pipelines.laptop import Laptop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


def report(laptop, pipeline="drift_report", **parameters):
    """What a run says of itself."""
    _, document, _ = laptop.run(pipeline, **parameters)
    return document


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    place = Laptop(tmp_path_factory.mktemp("laptop"))
    up = place.call("up")
    assert up.returncode == 0, up.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.variables().items():
            patch.setenv(name, value)
        patch.setenv("MEDGANTRY_RUN_ID", "training")
        yield place
    place.call("down")


@pytest.fixture(scope="module")
def cohort(laptop):
    """What the steps of a training run leave in the store, and say of it."""
    for name, seed in (("trained", 1), ("asked", 2)):
        write_photos(laptop.folder / name, images=100, seed=seed, size=(30, 40))
    settings = dict.fromkeys(("metadata", "images", "columns", "classes", "licence"), "")
    source = str(laptop.folder / "trained")
    ingest_photos(laptop.folder / "whole", source=source, max_rejected=0.0, external=False, **settings)
    shares = {"validation": 0.1, "test": 0.1, "seed": 0}
    texts = dict.fromkeys(("stratify_by", "assignment", "accepted_duplicates"), "")
    split(laptop.folder / "whole", laptop.folder / "divided", **shares, **texts)
    facts = {item["step"]: item["facts"] for item in read_records(ObjectStore.from_environment(), "training")}
    return facts["split_cohort"]["uri"]


@pytest.fixture(scope="module")
def asked(laptop, cohort):
    store = ObjectStore.from_environment()
    log_photos(store, "darker", laptop.folder / "asked", brightness=0.8)
    return log_photos(store, "alike", laptop.folder / "asked")


def test_requests_like_the_training_data_are_no_drift(laptop, cohort, asked):
    document = report(laptop, cohort=cohort, model_name="alike")
    assert document["state"] == "succeeded", document["error"]
    facts = {row["step"]: row["facts"][0] for row in document["steps"]}
    assert facts["open_cohort"]["cases"] == 100
    assert (facts["report_drift"]["drift"], facts["report_drift"]["requests"]) == (0, asked)


def test_drift_is_a_result_that_fails_no_run_and_kfp_gets_page_and_metrics(laptop, cohort, asked):
    document = report(laptop, cohort=cohort, model_name="darker")
    assert document["state"] == "succeeded", document["error"]
    found = read_document(laptop.output(document, "drift"), "medgantry/drift/1")
    assert "red intensity at 95%" in found["drifted"]
    page = laptop.output(document, "report").read_text()
    assert "red intensity at 95%" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    shown = json.loads(
        next(
            path
            for path in (laptop.folder / ".medgantry/runs" / document["run_id"]).rglob("executor_output.json")
            if path.parent.name == "report-drift"
        ).read_text()
    )
    assert shown["artifacts"]["metrics"]["artifacts"][0]["metadata"]["drift"] == 1


def test_a_cohorts_path_will_do_on_a_laptop_and_a_wrong_one_is_named(laptop, cohort, asked):
    document = report(laptop, cohort=str(laptop.folder / "divided"), model_name="alike")
    assert document["state"] == "succeeded", document["error"]
    wrong = report(laptop, cohort=str(laptop.folder / "nowhere"), model_name="alike")
    assert (wrong["state"], wrong["error"]["step"]) == ("failed", "open_cohort")
    assert "docs/monitoring.md" in wrong["error"]["remedy"]


def test_a_model_of_survival_is_compared_with_the_table_that_it_learnt_from(laptop):
    store, features = ObjectStore.from_environment(), laptop.folder / "features"
    table(60, seed=1).save(features)
    settings = '{"folds": 2, "repeats": 1, "inner_folds": 2, "kept": [1], "known_until": "surgery"}'
    train_survival_step(features, laptop.folder / "model", columns="", settings=settings, seed=0)
    uri = {item["step"]: item["facts"] for item in read_records(store, "training")}["train_survival"]["uri"]
    model = SurvivalModel.open(laptop.folder / "model")
    for name, asked in {
        "same": table(40, seed=2),
        "older": changed(table(40, seed=2), clinical__age=2.0),
    }.items():
        log = RequestLog(store, name, SurvivalAnswers(model).names)
        for record in records(model, asked):
            log.add(record)
        log.close()
        document = report(laptop, "feature_drift_report", model=uri, features=str(features), model_name=name)
        assert document["state"] == "succeeded", document["error"]
        facts = {row["step"]: row["facts"][0] for row in document["steps"]}["report_feature_drift"]
        assert (facts["requests"], facts["reference_cases"]) == (40, 60)
        assert ("feature clinical__age" in facts["drifted"]) == (name == "older")
        assert (facts["drift"] == 1) == (name == "older")
