"""Features in, risk and survival out: as the model itself says."""

import json
import math

import numpy as np
import pytest
import urllib3

from medgantry.errors import InvalidInput
from medgantry.features.column import NUMBER
from medgantry.features.table import SUBJECT
from medgantry.serving.answers.survival import SurvivalAnswers
from medgantry.serving.exchange import Asked, Given, wanted_outputs
from medgantry.survival.study import rows_by_subject
from tests.medgantry.serving.served import NAME, served
from tests.medgantry.survival.test_model import fresh, learn


@pytest.fixture(scope="module")
def model():
    return learn()


@pytest.fixture(scope="module")
def subjects():
    """A table of new subjects as requests hold it, in another order than the table's."""
    rows = rows_by_subject(fresh())
    return [rows[index] for index in np.random.default_rng(0).permutation(len(rows))]


def inputs_of(model, subjects):
    given = []
    for column in model.features:
        values = [row.get(column.name) for row in subjects]
        if column.kind == NUMBER:
            given.append((column.name, [math.nan if value is None else value for value in values]))
        else:
            given.append((column.name, [value or "" for value in values]))
    return given


def test_answers_are_the_models_in_the_order_asked(model, subjects, tmp_path):
    answers = SurvivalAnswers(model)
    asked = Asked(inputs=[Given(name=name, values=values) for name, values in inputs_of(model, subjects)])
    found = answers.answer(asked, wanted_outputs(asked, answers), tmp_path).outputs
    wanted = model.predict(fresh())
    place = {subject: index for index, subject in enumerate(wanted.subjects)}
    order = [place[str(row[SUBJECT])] for row in subjects]
    np.testing.assert_array_equal(found["risk"], wanted.risk[order])
    np.testing.assert_array_equal(found["survival"], wanted.survival[order])
    np.testing.assert_array_equal(found["days"], wanted.grid)


def test_what_is_no_feature_or_uneven_is_refused(model, tmp_path):
    answers = SurvivalAnswers(model)
    (name, *_) = [each.name for each in answers.inputs]
    for inputs in (
        [Given(name="age of the moon", values=[1.0])],
        [Given(name=each.name, values=[1.0] * number) for number, each in enumerate(answers.inputs, start=1)],
        [Given(name=name, values=[])],
        [Given(name=name, values=["old"])],
        [],
    ):
        with pytest.raises(InvalidInput):
            answers.answer(Asked(inputs=inputs), ["risk"], tmp_path)


def test_a_server_answers_over_rest(model, subjects, store, tmp_path):
    model.save(tmp_path / "model")
    wanted = model.predict(fresh())
    place = {subject: index for index, subject in enumerate(wanted.subjects)}
    inputs = [
        {
            "name": name,
            "shape": [len(values)],
            "datatype": "BYTES" if isinstance(values[0], str) else "FP64",
            "data": [None if isinstance(value, float) and math.isnan(value) else value for value in values],
        }
        for name, values in inputs_of(model, subjects)
    ]
    with served(tmp_path / "model", store) as server:
        metadata = urllib3.request("GET", f"{server.url}/v2/models/{NAME}").json()
        assert {one["name"] for one in metadata["inputs"]} == {one["name"] for one in inputs}
        response = server.ask(json.loads(json.dumps({"inputs": inputs})))
        assert response.status == 200, response.data[:500]
        found = {output["name"]: output for output in response.json()["outputs"]}
        order = [place[str(row[SUBJECT])] for row in subjects]
        np.testing.assert_allclose(found["risk"]["data"], wanted.risk[order], rtol=1e-12)
        assert found["survival"]["shape"] == [len(subjects), len(wanted.grid)]
        instance = {
            name: values[0] for name, values in inputs_of(model, subjects[:1]) if values[0] == values[0]
        }
        v1 = urllib3.request("POST", f"{server.url}/v1/models/{NAME}:predict", json={"instances": [instance]})
        assert v1.json()["predictions"][0]["risk"] == [pytest.approx(wanted.risk[order[0]])]
