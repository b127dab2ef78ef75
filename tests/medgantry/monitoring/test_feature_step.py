"""From requests to a model of survival that is really served, to the report: and nobody is named on the way."""

import gzip
import json
import signal
from types import SimpleNamespace

import pytest

from components.report_feature_drift import report_feature_drift
from medgantry.documents import read_document
from medgantry.errors import Mismatch
from medgantry.monitoring.feature_step import report_feature_drift_step
from medgantry.steps import read_records
from tests.medgantry.monitoring.subjects import changed, learn
from tests.medgantry.serving.served import NAME, served
from tests.medgantry.survival.cohorts import table

PLANTED = "QUILLFEATHER^JANE^19520304"


class Metrics(dict[str, float]):
    log_metric = dict.__setitem__


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Folders of a model, and of the table that it learnt from."""
    folder = tmp_path_factory.mktemp("learnt")
    made = table(80, seed=1)
    made.save(folder / "features")
    learn(made).save(folder / "model")
    return folder


def ask(server, row):
    """One subject, with a name wherever a client may write one."""
    known = {name: value for name, value in row.items() if "__" in name and value is not None}
    known.pop("clinical__chemotherapy")
    inputs = [
        {
            "name": name,
            "shape": [1],
            "datatype": "BYTES" if isinstance(value, str) else "FP64",
            "data": [value],
            "parameters": {"who": PLANTED},
        }
        for name, value in known.items()
    ]
    return server.ask({"id": PLANTED, "inputs": inputs, "parameters": {"patient": row["subject_id"]}}).status


def test_requests_through_a_server_end_in_the_report_and_nobody_is_named(store, learnt, tmp_path):
    radiomics = dict.fromkeys(f"radiomics__{place}" for place in range(6))
    asked = changed(table(40, seed=2), clinical__age=2.0, **radiomics)
    with served(learnt / "model", store) as server:
        for row in asked.rows:
            assert ask(server, {**row, "subject_id": f"{PLANTED}-{row['subject_id']}"}) == 200
        assert ask(server, {**asked.rows[0], f"{PLANTED}__": PLANTED}) == 400
        assert ask(server, {**asked.rows[0], "clinical__stage": PLANTED}) == 400
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        log = server.log.read_text()

    objects = list(store.list("monitoring/requests/"))
    written = "".join(gzip.decompress(store.get_bytes(item.key)).decode() + item.key for item in objects)
    assert '"clinical__stage":"T2"' in written
    for told in (written, log):
        assert not [word for word in (*PLANTED.split("^"), *(f"P{n:03d}" for n in range(40))) if word in told]

    metrics = Metrics()
    outputs = {name: SimpleNamespace(path=str(tmp_path / name)) for name in ("drift", "report")}
    inputs = {name: SimpleNamespace(path=str(learnt / name)) for name in ("model", "features")}
    report_feature_drift.python_func(**inputs, **outputs, metrics=metrics, model_name=NAME)
    document = read_document(tmp_path / "drift", "medgantry/drift/1")
    assert {"feature clinical__age", *(f"feature {name}" for name in radiomics)} <= set(document["drifted"])
    assert not [name for name in document["drifted"] if "expression" in name or "stage" in name]
    assert (metrics["drift"], metrics["requests"], metrics["reference_cases"]) == (1, 42, 80)
    assert document["statuses"] == {"answered": 40, "refused": 2}
    assert list(document["untested"]) == ["risk"]
    (stage,) = [f for f in document["features"] if f["name"] == "feature clinical__stage"]
    assert stage["requests"]["missing"] == pytest.approx(6 / 40)
    page = (tmp_path / "report").read_text()
    assert "<b>feature clinical__age</b>" in page
    assert PLANTED not in page + json.dumps(document)
    record = read_records(store, "test")[-1]
    assert (record["step"], record["state"]) == ("report_feature_drift", "succeeded")
    assert record["facts"]["drifted"] == document["drifted"]


def test_a_table_that_the_model_did_not_learn_from_is_refused(store, learnt, tmp_path):
    table(80, seed=9).save(tmp_path / "features")
    options = {"model_name": "m", "since": "", "until": ""}
    with pytest.raises(Mismatch, match="Give the table that train_survival was given"):
        report_feature_drift_step(
            learnt / "model", tmp_path / "features", tmp_path / "drift", tmp_path / "report", **options
        )
