"""What `/metrics` of a running server says after requests to each kind of model."""

import base64
import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families

from medgantry.bundles import Bundle
from medgantry.ingest.photos.png_file import encode_png
from medgantry.survival.study import rows_by_subject
from tests.medgantry import brightness, colours
from tests.medgantry.inference import test_registrar as pairs
from tests.medgantry.serving.served import NAME, outputs, served
from tests.medgantry.survival.test_model import fresh, learn

REQUESTS = 6
PARTS = ("read", "prepare", "network", "inverse", "write")
SIDE_BY_SIDE = {"MEDGANTRY_SERVING_CONCURRENCY": "2"}


def text_input(name, data):
    text = base64.b64encode(data).decode()
    return {"name": name, "shape": [1], "datatype": "BYTES", "data": [text]}


def case_inputs(tmp_path):
    images, _ = brightness.write_case(tmp_path / "case", 1)
    return [
        text_input(name, path.read_bytes()) for name, path in zip(brightness.CHANNELS, images, strict=True)
    ]


def windows(tmp_path, store):
    """Cases of 12 x 11 x 10 voxels in windows of 8 x 8 x 8, laid side by side by threes: passes of 3, 3 and 2."""
    bundle = brightness.make_bundle(tmp_path / "bundle")
    path = bundle.folder / "configs/inference.json"
    inferer = {"_target_": "SlidingWindowInferer", "roi_size": [8, 8, 8], "sw_batch_size": 3, "overlap": 0}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"inferer": inferer}))
    return Bundle(bundle.folder), case_inputs(tmp_path)


def ensemble(tmp_path, store):
    """Each of three members makes one pass."""
    return brightness.make_ensemble(tmp_path / "bundle"), case_inputs(tmp_path)


def photos(tmp_path, store):
    cohort = colours.make_cohort(store, tmp_path, test=2)
    bundle = colours.make_bundle(tmp_path / "bundle", cohort, noise=0.0)
    return bundle, [text_input("image", encode_png(colours.plain_photo([200, 20, 128])))]


def registration(tmp_path, store):
    """The whole pair is one pass."""
    bundle = pairs.make_bundle(tmp_path / "bundle", "$lambda image, network: network(image)")
    item = pairs.write_pair(tmp_path)
    return bundle, [text_input(role, path.read_bytes()) for role, path in item.items()]


def sampled(server):
    """Stage or batch -> (count, sum)."""
    text = urllib3.request("GET", f"{server.url}/metrics").data.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(("medgantry_stage_seconds_", "medgantry_batch_size_")):
                assert sample.labels["model"] == NAME
                place = sample.labels.get("stage", "batch"), sample.labels.get("le", "")
                found[*place, sample.name.rpartition("_")[2]] = sample.value
    return found


@pytest.mark.parametrize(
    ("kind", "passes"),
    [(windows, [3, 3, 2]), (ensemble, [1, 1, 1]), (photos, [1]), (registration, [1])],
    ids=["windows", "ensemble", "photos", "registration"],
)
def test_each_stage_of_each_request_is_told_and_how_much_each_pass_took(kind, passes, store, tmp_path):
    bundle, inputs = kind(tmp_path, store)
    with served(bundle.folder, store, SIDE_BY_SIDE) as server:
        assert not [place for place in sampled(server) if place[2] == "count"], "the warm-up is no request"
        with ThreadPoolExecutor(2) as clients:
            found = list(clients.map(lambda _: outputs(server.ask({"inputs": inputs})), range(REQUESTS)))
        assert all(one == found[0] for one in found)
        told = sampled(server)
    for stage in ("queue", "answer", "observe", *PARTS):
        assert told[stage, "", "count"] == REQUESTS, stage
        assert told[stage, "", "sum"] > 0, stage
    assert sum(told[part, "", "sum"] for part in PARTS) <= told["answer", "", "sum"]
    assert told["batch", "", "count"] == REQUESTS * len(passes)
    assert told["batch", "", "sum"] == REQUESTS * sum(passes)
    assert told["batch", "2.0", "bucket"] == REQUESTS * sum(size <= 2 for size in passes)


def test_a_survival_model_has_no_grid_to_come_back_from_and_a_refused_request_has_what_it_reached(
    store, tmp_path
):
    learn().save(tmp_path / "model")
    row = rows_by_subject(fresh())[0]
    with served(tmp_path / "model", store) as server:
        metadata = urllib3.request("GET", f"{server.url}/v2/models/{NAME}").json()
        named = [
            {
                "name": one["name"],
                "shape": [1],
                "datatype": one["datatype"],
                "data": [row.get(one["name"]) or ("" if one["datatype"] == "BYTES" else None)],
            }
            for one in metadata["inputs"]
        ]
        assert math.isfinite(outputs(server.ask({"inputs": named}))["risk"][0])
        assert server.ask({"inputs": []}).status == 400
        told = sampled(server)
    counts = {place[0]: value for place, value in told.items() if place[2] == "count"}
    assert counts == {"queue": 2, "answer": 2, "read": 2, "network": 1, "write": 1, "observe": 1}
