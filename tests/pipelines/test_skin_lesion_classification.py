"""The whole pipeline on phantoms, as a person runs it: real S3, MLflow and model server."""

import base64
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import urllib3
import yaml
from PIL import Image, ImageOps

from medgantry.bundles import Bundle
from medgantry.evaluation.classification.seen import as_picture
from medgantry.explain import grad_cam_pp
from medgantry.inference.loaded_network import LoadedNetwork
from medgantry.phantoms.skin_lesions import write_photos
from tests.pipelines.laptop import Laptop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SIDE = 72
NETWORK = {
    "_target_": "DenseNet",
    "spatial_dims": 2,
    "in_channels": 3,
    "out_channels": 7,
    "init_features": 16,
    "growth_rate": 12,
    "block_config": [3, 4, 4],
}
OVERRIDE = {
    "epochs": 10,
    "batch_size": 16,
    "learning_rate": 0.002,
    "image_size": [SIDE, SIDE],
    "network_def": NETWORK,
}


def run(laptop, source, split_assignment="", **override):
    """Returns (exit code, JSON, stderr)."""
    return laptop.run(
        "skin_lesion_classification",
        "--keep",
        source=str(source),
        override=OVERRIDE | override,
        split_assignment=split_assignment,
    )


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    laptop = Laptop(tmp_path_factory.mktemp("laptop"))
    yield laptop
    laptop.call("down")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Small lesions off the centre, so that it matters where a network looks."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    write_photos(
        folder, images=320, damaged=5, seed=2, spread=0.45, radius=0.8, masks=folder.parent / "masks"
    )
    return folder


@pytest.fixture(scope="module")
def first(laptop, source):
    code, document, errors = run(laptop, source)
    assert code == 0, errors
    return document


@pytest.fixture(scope="module")
def rows(laptop, first):
    return pq.read_table(laptop.output(first, "metrics.json").with_name("cases.parquet")).to_pylist()


def test_a_known_signal_is_learnt_and_served(first):
    assert first["state"] == "succeeded"
    assert first["ledger"]["rejected"] == 5
    assert first["metrics"]["auc"]["macro"]["estimate"] >= 0.9
    assert first["endpoint"]["equal"] is True
    assert (first["model"]["version"], first["registration"]["promoted"]) == (1, True)


def test_the_endpoint_answers_fifty_photos_as_evaluation_did(first, source, rows):
    url = f"{first['endpoint']['url']}/v2/models/{first['endpoint']['model']}/infer"
    judged = {row["case_id"]: row for row in rows}
    asked = sorted(judged)[:50]
    assert len(asked) == 50
    for case_id in asked:
        photo = next(source.glob(f"*/{case_id}.jpg")).read_bytes()
        data = [base64.b64encode(photo).decode()]
        request = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": data}]}
        answer = urllib3.request("POST", url, json=request).json()
        found = {output["name"]: output["data"] for output in answer["outputs"]}
        wanted = [judged[case_id][f"probability {name}"] for name in found["classes"]]
        assert found["probabilities"] == wanted
        assert found["class"] == [judged[case_id]["predicted"]]


def test_kfp_gets_curve_matrix_and_pages(laptop, first, rows):
    runs = laptop.folder / ".medgantry/runs" / first["run_id"]
    shown = {}
    for path in runs.rglob("executor_output.json"):
        for name, found in json.loads(path.read_text()).get("artifacts", {}).items():
            shown[path.parent.name, name] = found["artifacts"][0]["metadata"]
    matrix = shown["plot-classes", "confusion"]["confusionMatrix"]
    assert sum(sum(row["row"]) for row in matrix["rows"]) == len(rows)
    points = shown["plot-classes", "roc"]["confidenceMetrics"]
    assert all(np.isfinite(list(point.values())).all() for point in points)
    assert shown["evaluate", "metrics"]["auc_macro"] == first["metrics"]["auc"]["macro"]["estimate"]
    page = laptop.output(first, "explanations").read_text()
    assert page.count("<img") == 4 + min(4, sum(row["predicted"] != row["reference"] for row in rows))


@pytest.mark.parametrize("trained", [True, False])
def test_grad_cam_points_at_the_lesion_once_trained(laptop, first, source, rows, trained):
    folder = laptop.output(first, "history.json").parent
    loaded = LoadedNetwork(Bundle(folder), untrained_seed=None if trained else 3)
    bundle = Bundle(folder)
    right = [row for row in rows if row["predicted"] == row["reference"]][:40]
    shares = []
    for row in right:
        photo = upright(next(source.glob(f"*/{row['case_id']}.jpg")))
        path = folder.parent / "photo.png"
        photo.save(path)
        tensor = loaded.prepare(path)[None]
        heat = as_picture(grad_cam_pp(loaded.network, tensor, bundle.outputs.index(row["predicted"])))
        mask = as_network_sees(source.parent / "masks" / f"{row['case_id']}_segmentation.png")
        top = heat > np.quantile(heat, 0.9)
        shares.append(mask[top].mean() if top.any() else 0.0)
    share = float(np.mean(shares))
    print(f"trained {trained}: {share:.3f} of the top decile is in the lesion")
    assert (share >= 0.5) == trained


def upright(path):
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def as_network_sees(path):
    """A mask on the network's grid: scaled to the longest side, then padded with its edge."""
    mask = Image.open(path).convert("L")
    scale = SIDE / max(mask.size)
    small = mask.resize((round(mask.width * scale), round(mask.height * scale)), Image.Resampling.NEAREST)
    pixels = np.asarray(small) > 127
    missing = [SIDE - size for size in pixels.shape]
    return np.pad(pixels, [(gap // 2, gap - gap // 2) for gap in missing])


def test_a_second_run_reuses_and_a_worse_candidate_changes_nothing(laptop, first, source):
    code, again, errors = run(laptop, source)
    assert code == 0, errors
    reused = {row["step"] for row in again["steps"] if row["reused"]}
    assert {"ingest_photos", "split_cohort", "preprocess_shard", "train", "evaluate", "register"} <= reused
    assert again["metrics"] == first["metrics"]

    code, worse, errors = run(laptop, source, epochs=1, learning_rate=1e-6)
    assert code == 0, errors
    assert (worse["registration"]["version"], worse["registration"]["promoted"]) == (2, False)
    assert worse["endpoint"]["version"] == 1
    assert "does not clear min_gain" in worse["registration"]["reason"]


def test_a_planted_leak_stops_the_run_and_is_named(laptop, first, source, tmp_path):
    leaky = tmp_path / "photos"
    write_photos(leaky, images=40, seed=2)
    table = leaky / "HAM10000_metadata.csv"
    lines = table.read_text().splitlines()
    original = next(leaky.glob("*/ISIC_0024306.jpg"))
    upright(original).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        original.with_stem("ISIC_9999999"), quality=40
    )
    fields = lines[1].split(",")
    lines.append(",".join(["HAM_9999999", "ISIC_9999999", *fields[2:]]))
    table.write_text("\n".join(lines) + "\n")
    sides = json.dumps({fields[0]: "test", "HAM_9999999": "train"})
    code, document, _ = run(laptop, leaky, split_assignment=str(sides))
    assert code == 1
    assert document["error"]["step"] == "split_cohort"
    assert "ISIC_0024306" in document["error"]["message"]
    assert "ISIC_9999999" in document["error"]["message"]


def test_the_bundle_rotates_by_radians(laptop, first):
    config = yaml.safe_load((laptop.output(first, "history.json").parent / "configs/train.yaml").read_text())
    rotation = next(t for t in config["train"]["random_transforms"] if t["_target_"] == "RandRotated")
    assert rotation["range_x"] == "$math.radians(@rotation_degrees)"
