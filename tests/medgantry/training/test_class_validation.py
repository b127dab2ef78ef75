"""What a classification's validation says, against scikit-learn, and the same on one rank and on two."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from monai.inferers import SimpleInferer
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_file
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.node_cache import NodeCache
from medgantry.sharding.shard_file import write_shard
from medgantry.training.class_validation import ClassValidation, as_arrays
from medgantry.training.validation import validate
from pipelines.runners.ports import free_port

CLASSES = ["bcc", "mel", "nv"]


def network():
    """Of fixed weights; dropout and batch norm tell whether it was switched to evaluation."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(4, 3),
    )


def write_cases(folder, labels):
    """A shard with noise of these classes, in the place where a fetched one would lie; returns sidecars and ids."""
    rng = np.random.default_rng(0)
    names = [f"case-{number}" for number in range(len(labels))]
    tensors, cases = {}, {}
    for name, label in zip(names, labels, strict=True):
        parts = {"image": rng.normal(label, 1, (3, 9, 7)).astype(np.float16), "label": np.uint8(label)}
        tensors |= {f"{name}.{key}": np.asarray(part) for key, part in parts.items()}
        cases[name] = {
            key: {"dtype": str(part.dtype), "shape": list(part.shape), "scale": 1.0, "offset": 0.0}
            for key, part in parts.items()
        }
    path = folder / "shard"
    write_shard(path, tensors, {})
    sha256 = hash_file(path)
    path.rename(folder / f"{sha256}.safetensors")
    size = (folder / f"{sha256}.safetensors").stat().st_size
    return [{"uri": "s3://nowhere/shard", "sha256": sha256, "bytes": size, "cases": cases}], names


def validation():
    return ClassValidation(CLASSES, SimpleInferer(), torch.device("cpu"))


def rows_of(logits, labels):
    return [
        {"case_id": str(number), "class_index": int(label), "logits": [float(value) for value in values]}
        for number, (values, label) in enumerate(zip(logits, labels, strict=True))
    ]


def drawn(labels, seed=0):
    """Logits that know something, some of them tied."""
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0, 1, (len(labels), 3)) + 1.2 * np.eye(3)[labels], 1)


def probabilities(logits):
    return torch.softmax(torch.as_tensor(logits, dtype=torch.float64), dim=1).numpy()


def test_every_case_is_measured_alone_and_once(tmp_path):
    shards, names = write_cases(tmp_path, [0, 2, 1, 1, 2])
    reader, net = CaseReader(shards, NodeCache(tmp_path, 2**30)), network()
    rows = validate(validation(), net, reader, names[::-1], rank=0, ranks=1)
    assert [row["case_id"] for row in rows] == names
    assert [row["class_index"] for row in rows] == [0, 2, 1, 1, 2]
    for row in rows:
        with torch.no_grad():
            alone = net.eval()(reader.read(row["case_id"])["image"][None])[0]
        assert row["logits"] == alone.tolist()
    json.dumps(rows, allow_nan=False)


WORKER = """
import json, os, sys
from pathlib import Path
import torch.distributed as dist
from medgantry.loading.case_reader import CaseReader
from medgantry.loading.node_cache import NodeCache
from medgantry.training.validation import validate
from tests.medgantry.training.test_class_validation import network, validation
folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
shards, names = json.loads((folder / "cases.json").read_text())
dist.init_process_group("gloo")
rows = validate(validation(), network(), CaseReader(shards, NodeCache(folder, 2**30)), names, rank=rank, ranks=2)
(folder / f"rows-{rank}.json").write_text(json.dumps(rows))
dist.destroy_process_group()
"""


def test_rows_are_bit_equal_on_two_ranks(tmp_path):
    shards, names = write_cases(tmp_path, [0, 2, 1, 1, 2])
    (tmp_path / "cases.json").write_text(json.dumps([shards, names]))
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path)],
            env={**os.environ, **place, "RANK": str(rank), "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    alone = validate(
        validation(), network(), CaseReader(shards, NodeCache(tmp_path, 2**30)), names, rank=0, ranks=1
    )
    found = [json.loads((tmp_path / f"rows-{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1] == alone
    assert len(alone) == 5


@pytest.mark.parametrize("seed", range(5))
def test_a_summary_is_scikit_learns(seed):
    labels = np.random.default_rng(seed).integers(0, 3, 60)
    logits = drawn(labels, seed)
    shares = probabilities(logits)
    wanted = {
        f"val_auc_{name}": roc_auc_score(labels == index, shares[:, index])
        for index, name in enumerate(CLASSES)
    }
    wanted["val_auc_macro"] = roc_auc_score(labels, shares, multi_class="ovr", average="macro")
    wanted["val_balanced_accuracy"] = balanced_accuracy_score(labels, logits.argmax(axis=1))
    wanted["val_loss"] = log_loss(labels, shares)
    found = validation().summarise(rows_of(logits, labels))
    assert found == pytest.approx(wanted, abs=1e-12)
    assert found[validation().metric] == found["val_auc_macro"]


def test_a_class_without_cases_has_no_area_and_takes_no_part_in_the_mean():
    labels = np.array([0, 2] * 15)
    logits = drawn(labels)
    shares = probabilities(logits)
    areas = {CLASSES[index]: roc_auc_score(labels == index, shares[:, index]) for index in (0, 2)}
    found = validation().summarise(rows_of(logits, labels))
    assert {name for name in found if "auc" in name} == {"val_auc_bcc", "val_auc_nv", "val_auc_macro"}
    assert found["val_auc_macro"] == pytest.approx(sum(areas.values()) / 2)
    recalls = [(logits[labels == index].argmax(axis=1) == index).mean() for index in (0, 2)]
    assert found["val_balanced_accuracy"] == pytest.approx(sum(recalls) / 2)
    assert np.isfinite(list(found.values())).all()


def test_cases_of_one_class_alone_have_no_area_at_all():
    labels = np.array([1, 1, 1])
    found = validation().summarise(rows_of(drawn(labels), labels))
    assert set(found) == {"val_balanced_accuracy", "val_loss"}
    assert np.isfinite(list(found.values())).all()


def test_certain_mistakes_keep_the_loss_finite():
    found = validation().summarise(rows_of([[900.0, 0, 0], [0, 0, -900.0]], [2, 2]))
    assert np.isfinite(found["val_loss"])
    assert found["val_loss"] > 300


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_diverged_is_named(value):
    labels = np.array([0, 1, 2, 1])
    logits = drawn(labels)
    logits[2, 0] = value
    with pytest.raises(InvalidInput, match="not finite for 1 of 4 validation cases, first for 2"):
        validation().summarise(rows_of(logits, labels))


def test_rows_become_arrays_in_their_order():
    reference, logits = as_arrays(rows_of([[1.0, 2, 3], [4, 5, 6]], [2, 0]))
    assert reference.tolist() == [2, 0]
    assert logits.tolist() == [[1, 2, 3], [4, 5, 6]]
