"""The whole pipeline on invented patients, five of them damaged, as a person runs it: real S3, MLflow and Feast."""

import re

import mlflow
import numpy as np
import pyarrow.parquet as pq
import pytest
import urllib3

from medgantry import ledger
from medgantry.features.table import FeatureTable
from medgantry.phantoms.nsclc import write_cohort
from tests.pipelines.laptop import Laptop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SETTINGS = {"known_until": "surgery", "repeats": 2}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    laptop = Laptop(tmp_path_factory.mktemp("home"))
    yield laptop
    laptop.call("down")


@pytest.fixture(scope="module")
def truth(laptop):
    return write_cohort(laptop.folder / "patients", patients=60, damaged=5, seed=0)


def run(laptop):
    patients = laptop.folder / "patients"
    sources = {
        "source": patients / "dicom",
        "clinical": patients / "clinical.csv",
        "expression": patients / "expression.tsv",
    }
    given = {name: str(path) for name, path in sources.items()}
    code, document, said = laptop.run("nsclc_survival", "--keep", settings=SETTINGS, **given)
    assert code == 0, said[-3000:]
    return document


@pytest.fixture(scope="module")
def done(laptop, truth):
    """The run's JSON."""
    return run(laptop)


@pytest.fixture(scope="module")
def joined(laptop, done):
    return FeatureTable.open(laptop.output(done, "join-features") / "features")


def test_every_patient_ends_with_the_modalities_that_the_truth_says(truth, joined):
    rows = {row["subject_id"]: row for row in joined.rows}
    found = {
        patient["case_id"]: sorted(
            {
                column.modality
                for column in joined.features()
                if rows.get(patient["case_id"], {}).get(column.name) is not None
            }
        )
        for patient in truth["patients"]
    }
    assert found == {patient["case_id"]: sorted(patient["expected"]) for patient in truth["patients"]}


def test_the_ledger_says_what_happened_to_each_of_the_five(truth, joined):
    said = {
        item: " | ".join(f"{e.verdict}: {e.rule}: {e.evidence}" for e in joined.entries if e.item == item)
        for item in {entry.item for entry in joined.entries}
    }
    words = {
        "slice missing in the tumour": "no slice is missing",
        "segmentation in another frame of reference": "share a frame of reference",
        "no follow-up": "rejected: has an outcome: outcomes: ingest_clinical: time and event are known",
        "expression all missing": "expression: ingest_expression: a patient has a value",
        "tumour of a few voxels": "a region has at least 64 voxels",
    }
    damaged = [patient for patient in truth["patients"] if patient["damage"]]
    assert {patient["damage"]["name"] for patient in damaged} == set(words)
    for patient in damaged:
        assert words[patient["damage"]["name"]] in said[patient["case_id"]]
        assert "neither a row nor a verdict" not in said[patient["case_id"]]


def test_time_and_event_are_those_of_the_truth(truth, joined):
    time, event = joined.only("time").name, joined.only("event").name
    wanted = {patient["case_id"]: patient for patient in truth["patients"]}
    for row in joined.rows:
        patient = wanted[row["subject_id"]]
        assert (row[time], row[event]) == (patient["time_days"], float(patient["event"]))


def test_the_model_is_registered_with_its_evidence_and_predicts(laptop, done, joined, monkeypatch):
    assert done["registration"]["promoted"]
    (scores,) = [s["facts"][0]["scores"] for s in done["steps"] if s["step"] == "evaluate_survival"]
    assert {"clinical", "radiomics", "expression", "pooled"} <= {score["of"] for score in scores}
    assert all(np.isfinite([score["estimate"], score["low"], score["high"]]).all() for score in scores)
    page = (laptop.output(done, "evaluate-survival") / "report").read_text()
    assert "<html" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "the page fetches something"
    for name, value in laptop.variables().items():
        monkeypatch.setenv(name, value)
    model = mlflow.pyfunc.load_model("models:/nsclc-survival@champion")
    names = [column.name for column in joined.features()]
    table = joined.data().to_pandas()[["subject_id", *names]]
    found = model.predict(table)
    assert list(found["subject_id"]) == joined.subjects
    probabilities = found.drop(columns=["subject_id", "risk"]).to_numpy()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (np.diff(probabilities, axis=1) <= 0).all()
    assert (done["endpoint"]["version"], done["endpoint"]["equal"]) == (1, True)
    _check_endpoint(done["endpoint"], joined, found)
    alone = model.predict(table.drop(columns=[n for n in names if n.startswith("radiomics__")]))
    assert np.isfinite(alone["risk"]).all(), "a modality that nobody has is no zero"


def _check_endpoint(endpoint, joined, predicted):
    """It says of every subject what MLflow's model says."""
    inputs = [
        {
            "name": column.name,
            "shape": [len(joined.rows)],
            "datatype": "FP64" if column.kind == "number" else "BYTES",
            "data": [
                row[column.name] if column.kind == "number" else row[column.name] or "" for row in joined.rows
            ],
        }
        for column in joined.features()
        if column.name in _inputs_of(endpoint)
    ]
    answer = urllib3.request("POST", f"{_address(endpoint)}/infer", json={"inputs": inputs}).json()
    risk = {output["name"]: output["data"] for output in answer["outputs"]}["risk"]
    subjects = [row["subject_id"] for row in joined.rows]
    assert dict(zip(subjects, risk, strict=True)) == pytest.approx(
        dict(zip(predicted["subject_id"], predicted["risk"], strict=True)), abs=1e-9
    )


def _address(endpoint):
    return f"{endpoint['url']}/v2/models/{endpoint['model']}"


def _inputs_of(endpoint):
    return {each["name"] for each in urllib3.request("GET", _address(endpoint)).json()["inputs"]}


def test_the_same_again_is_reused(laptop, done, truth):
    again = run(laptop)
    reused = {step["step"] for step in again["steps"] if step["reused"]}
    costly = {"ingest_dicom_shard", "extract_radiomics", "train_survival", "evaluate_survival"}
    assert costly | {"publish_features_radiomics", "register_survival"} <= reused
    assert again["registration"]["version"] == done["registration"]["version"]
    first, second = (
        pq.read_table(laptop.output(run, "join-features") / "features" / "features.parquet")
        for run in (done, again)
    )
    assert first == second
    assert ledger.read(laptop.output(again, "join-features") / "features" / "ledger.parquet")
