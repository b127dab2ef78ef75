"""Candidates before the gate, with the real registry, and what the real endpoint answers after each."""

import base64
import os
from dataclasses import replace

import numpy as np
import pytest
import urllib3
from mlflow import MlflowClient

from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.evaluate import evaluate
from medgantry.ingest.photos.png_file import encode_png
from medgantry.registry.gate import GateConfig
from medgantry.registry.open_champion import open_champion_step
from medgantry.registry.register import register
from medgantry.serving.deploy import deploy, find_champion
from medgantry.serving.laptop import Laptop
from medgantry.steps import StepRecord
from pipelines.runners.endpoints import Endpoints
from pipelines.runners.subprocess import Processes
from tests.medgantry.colours import make_bundle, make_cohort, plain_photo

RECORD = StepRecord(step="test")


def present(bundle, cohort, folder, name, gate=GateConfig()):  # noqa: B008 frozen
    """What the pipeline does with a trained bundle: the champion is brought, both are judged, the gate decides."""
    open_champion_step(folder / "champion", name=name)
    judged = evaluate(
        cohort,
        bundle,
        Champion.open(folder / "champion"),
        folder / "evaluation",
        split="test",
        seed=0,
        record=RECORD,
    )
    return register(bundle, cohort, judged, folder / "evaluation", name=name, gate=gate, record=RECORD)


def model_name(store):
    return f"colours-{store.prefix[:12]}"


@pytest.fixture
def endpoints(store, tmp_path):
    """The runner's own supervisor of model servers."""
    place = Processes()
    place.open({**os.environ, "MEDGANTRY_RUN_ID": "test"})
    supervisor = Endpoints(tmp_path / "home", place, store)
    supervisor.start()
    yield supervisor
    supervisor.stop()
    place.close()


def ask(store, name):
    """Deploy whoever is champion, as the pipeline's last step does, and ask it about one photo."""
    url = deploy(find_champion(name, store, RECORD), Laptop(store), store, RECORD)
    pixels = plain_photo(np.array([90, 90, 90], np.uint8))
    content = base64.b64encode(encode_png(pixels)).decode()
    request = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [content]}]}
    answer = urllib3.request("POST", f"{url}/v2/models/{name}/infer", json=request).json()
    return answer["model_version"], {output["name"]: output["data"] for output in answer["outputs"]}


@pytest.mark.timeout(600)
def test_worse_better_and_lucky(store, tmp_path, endpoints):
    name = model_name(store)
    cohort = make_cohort(store, tmp_path, test=120, signal=30)
    first = present(make_bundle(tmp_path / "1", cohort, noise=0.4), cohort, tmp_path / "e1", name)
    assert (first.promoted, first.champion) == (True, 1)
    served = ask(store, name)

    worse = present(make_bundle(tmp_path / "2", cohort, noise=2.0), cohort, tmp_path / "e2", name)
    assert (worse.promoted, worse.version, worse.champion) == (False, 2, 1)
    assert "does not clear" in worse.reason
    tags = MlflowClient().get_model_version(name, "2").tags
    assert (tags["medgantry.promoted"], tags["medgantry.reason"]) == ("false", worse.reason)
    assert ask(store, name) == served

    # Twelve cases on which a model that is no better happens to be.
    few = make_cohort(store, tmp_path, test=12, seed=LUCKY, signal=30)
    bundle = make_bundle(tmp_path / "3", few, noise=0.3)
    lucky = present(bundle, few, tmp_path / "e3", name)
    assert "+0." in lucky.reason
    assert (lucky.promoted, lucky.champion) == (False, 1)
    assert ask(store, name) == served

    better = present(make_bundle(tmp_path / "4", cohort, noise=0.0), cohort, tmp_path / "e4", name)
    assert (better.promoted, better.champion) == (True, 4)
    changed = ask(store, name)
    assert changed[0] != served[0]
    assert changed[1] != served[1]


LUCKY = 5


def test_a_tie_an_equal_model_and_a_changed_test_set(store, tmp_path):
    name = model_name(store)
    cohort = make_cohort(store, tmp_path, test=40, signal=30)
    bundle = make_bundle(tmp_path / "1", cohort, noise=0.0)
    assert present(bundle, cohort, tmp_path / "e1", name).promoted
    again = present(bundle, cohort, tmp_path / "e2", name)
    assert (again.version, again.promoted) == (1, True)

    tied = present(
        make_bundle(tmp_path / "2", cohort, noise=0.0, sharpness=2.0), cohort, tmp_path / "e3", name
    )
    assert (tied.version, tied.promoted) == (2, False)
    assert "by +0.0000" in tied.reason

    # Another test set: both are judged on it, and a champion that was trained on it is not.
    sides = {"train": "test", "test": "train", "validation": "validation"}
    turned = replace(cohort, cases=[replace(case, split=sides[case.split]) for case in cohort.cases])
    other = present(make_bundle(tmp_path / "3", turned, noise=0.1), turned, tmp_path / "e4", name)
    assert not other.promoted
    assert "trained on all of these cases" in other.reason


def test_a_withdrawn_champion_leaves_the_place_to_the_next(store, tmp_path):
    name = model_name(store)
    cohort = make_cohort(store, tmp_path, test=20)
    present(make_bundle(tmp_path / "1", cohort, noise=0.0), cohort, tmp_path / "e1", name)
    MlflowClient().delete_registered_model_alias(name, "champion")
    found = present(make_bundle(tmp_path / "2", cohort, noise=3.0), cohort, tmp_path / "e2", name)
    assert (found.promoted, found.reason) == (True, "there was no champion")


def test_a_champion_whose_files_are_gone_is_named(store, tmp_path):
    name = model_name(store)
    client = MlflowClient()
    client.create_registered_model(name)
    run = client.create_run("0").info
    client.create_model_version(name, source=f"{run.artifact_uri}/gone", run_id=run.run_id)
    client.set_registered_model_alias(name, "champion", "1")
    with pytest.raises(InvalidInput, match=r"files cannot be read|holds no MONAI bundle"):
        open_champion_step(tmp_path / "champion", name=name)


def test_an_evaluation_of_another_cohort_or_split_is_refused(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=10)
    bundle = make_bundle(tmp_path / "1", cohort, noise=0.0)
    judged = evaluate(cohort, bundle, None, tmp_path / "e", split="test", seed=0, record=RECORD)
    moved = [
        replace(case, split="test" if case.split == "validation" else case.split) for case in cohort.cases
    ]
    for other in (replace(cohort, cases=moved), make_cohort(store, tmp_path, test=10, seed=1)):
        with pytest.raises(Mismatch, match="evaluation is of cohort"):
            register(bundle, other, judged, tmp_path / "e", name="m", gate=GateConfig(), record=RECORD)


def test_a_model_judged_on_its_validation_side_is_not_promoted_and_nothing_is_served(store, tmp_path):
    name = model_name(store)
    cohort = make_cohort(store, tmp_path, train=20, test=10)
    bundle = make_bundle(tmp_path / "1", cohort, noise=0.0)
    judged = evaluate(cohort, bundle, None, tmp_path / "e", split="validation", seed=0, record=RECORD)
    found = register(bundle, cohort, judged, tmp_path / "e", name=name, gate=GateConfig(), record=RECORD)
    assert (found.promoted, found.version, found.champion) == (False, 1, 0)
    assert "'validation'" in found.reason
    with pytest.raises(InvalidInput, match="nothing to serve"):
        find_champion(name, store, RECORD)
