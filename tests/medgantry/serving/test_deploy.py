"""Deployment's order of things, and the golden check against an endpoint over HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml

from medgantry.fingerprint import canonical_json
from medgantry.registry.deployments import desired_key, read_desired
from medgantry.registry.golden import Golden, GoldenInput
from medgantry.serving import golden_check
from medgantry.serving.deploy import deploy
from medgantry.serving.gitops import emit
from medgantry.serving.golden_check import check_golden
from medgantry.serving.inference_service import Capacity
from medgantry.serving.laptop import Laptop
from medgantry.serving.target import DeploymentFailed, Endpoint, Release
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore, publish_folder
from medgantry.storage.folders import published_hash
from tests.quiet_server import QuietServer

RELEASE = Release(model="m", version=2, prefix="serving/m/2")


class Model:
    """An endpoint that writes a label map, as the release it claims to be."""

    def __init__(self, store: ObjectStore, path: Path) -> None:
        self.labels = np.zeros((4, 4, 4), np.uint8)
        self.releases: list[str] = []
        self.asked: list[str] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.asked.append(self.path)
                release = model.releases[0] if len(model.releases) == 1 else model.releases.pop(0)
                _, _, prefix = request["parameters"]["output_prefix"].partition(f"{store.prefix}/")
                key = f"{prefix}/label_map.nii.gz"
                nibabel.save(nibabel.Nifti1Image(model.labels, np.eye(4)), path)
                store.put_file(key, path)
                outputs = [{"name": "label_map_nifti", "data": [store.uri(key)]}]
                body = json.dumps({"model_version": release, "outputs": outputs}).encode()
                self.send_response(200 if release else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Nothing."""

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


class Recorded:
    """A target that notes what it is asked to do."""

    def __init__(self, url: str, rollout: str = "full") -> None:
        self.url, self.rollout, self.done = url, rollout, []

    def stage(self, release: Release) -> Endpoint:
        self.done.append("stage")
        return Endpoint(f"{release.model}-candidate", self.url)

    def promote(self, release: Release) -> Endpoint:
        self.done.append("promote")
        return Endpoint(release.model, self.url)

    def withdraw(self, release: Release) -> None:
        self.done.append("withdraw")


@pytest.fixture
def model(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """An endpoint, and the release it serves with a golden case of zeros."""
    golden = tmp_path / "bundle/golden"
    golden.mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), golden / "answer.nii")
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), golden / "image.nii")
    inputs = [GoldenInput(name="FLAIR", file="image.nii")]
    Golden(case_id="case", inputs=inputs, values={}, files={"label_map_nifti": "answer.nii"}).save(golden)
    publish_folder(store, RELEASE.prefix, tmp_path / "bundle")
    monkeypatch.setattr(golden_check, "_ROUTING_SECONDS", 2.0)
    serving = Model(store, tmp_path / "answer.nii.gz")
    serving.releases = [published_hash(store, RELEASE.prefix)]
    yield serving
    serving.server.shutdown()
    serving.server.server_close()


def test_it_is_proved_before_and_after_users_reach_it(model, store):
    target, record = Recorded(model.url), StepRecord(step="deploy")
    assert deploy(RELEASE, target, store, record) == model.url
    assert target.done == ["stage", "promote"]
    assert model.asked == ["/v2/models/m-candidate/infer", "/v2/models/m/infer"]
    assert record.facts["endpoint"]["equal"] is True


def test_a_canary_is_proved_alone(model, store):
    deploy(RELEASE, Recorded(model.url, "canary 10 %"), store, StepRecord(step="deploy"))
    assert model.asked == ["/v2/models/m-candidate/infer"]


def test_a_wrong_label_map_never_gets_the_name(model, store):
    model.labels[1, 2, 3] = 1
    target = Recorded(model.url)
    with pytest.raises(DeploymentFailed, match="1 voxels of label_map_nifti differ"):
        deploy(RELEASE, target, store, StepRecord(step="deploy"))
    assert target.done == ["stage", "withdraw"]


def test_an_older_release_that_still_answers_is_waited_for(model, store):
    new = model.releases[0]
    model.releases = ["old", new]
    assert check_golden(Endpoint("m", model.url), RELEASE, store).equal
    assert len(model.asked) == 2


def test_an_older_release_that_goes_on_answering_is_named(model, store):
    model.releases = ["old"]
    target = Recorded(model.url)
    with pytest.raises(DeploymentFailed, match="still serves release old"):
        deploy(RELEASE, target, store, StepRecord(step="deploy"))
    assert target.done == ["stage", "withdraw"]


def test_an_endpoint_that_fails_is_quoted(model, store):
    model.releases = [""]
    with pytest.raises(DeploymentFailed, match="answered 500"):
        check_golden(Endpoint("m", model.url), RELEASE, store)


def test_a_laptop_goes_back_to_what_it_served(store):
    before = {"model": "m", "version": 1, "prefix": "serving/m/1", "generation": "g"}
    store.put_bytes(desired_key("m"), canonical_json(before).encode())
    laptop = Laptop(store)
    answers = _answer_everything(store)
    laptop.stage(RELEASE)
    assert set(read_desired(store)) == {"m", "m-candidate"}
    assert read_desired(store)["m"] == before
    laptop.promote(RELEASE)
    assert {name: item["version"] for name, item in read_desired(store).items()} == {"m": 2}
    laptop.withdraw(RELEASE)
    answers.set()
    assert {name: item["version"] for name, item in read_desired(store).items()} == {"m": 1}


def _answer_everything(store: ObjectStore) -> threading.Event:
    """A supervisor that says every server is up."""
    ending = threading.Event()

    def answer() -> None:
        while not ending.wait(0.05):
            for name, item in read_desired(store).items():
                status = {
                    "generation": item["generation"],
                    "state": "running",
                    "url": "http://x",
                    "message": "",
                }
                store.put_bytes(f"deployments/{name}.status.json", canonical_json(status).encode())

    threading.Thread(target=answer, daemon=True).start()
    return ending


def test_git_gets_the_manifest(store):
    record = StepRecord(step="deploy")
    uri = emit(RELEASE, Capacity(), store, record)
    assert uri == store.uri("deployments/m.inferenceservice.yaml")
    document = yaml.safe_load(store.get_bytes("deployments/m.inferenceservice.yaml"))
    assert document["spec"]["predictor"]["model"]["storageUri"] == store.uri(RELEASE.prefix)
    assert "ownerReferences" not in document["metadata"]
    assert read_desired(store) == {}  # a laptop does not take it for its own
