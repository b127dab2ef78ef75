"""DICOM in, a cohort or a segmentation out, as a person runs it: real S3, MLflow and PACS, on phantoms."""

import gzip
import json
import os
import signal
import time
from subprocess import DEVNULL

import numpy as np
import pytest
import torch
import yaml

from medgantry.dicom.header import read_header
from medgantry.dicom.network.dicomweb import DicomWeb
from medgantry.dicom.network.dimse_store import store_files
from medgantry.dicom.network.peer_uri import peer_of
from medgantry.dicom.segmentation import Segmentation
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import read_volume
from medgantry.phantoms.dicom.archive import write_archive
from medgantry.predictions.measurements import Measurements
from tests.pipelines.laptop import Laptop, as_options

pytestmark = pytest.mark.e2e

BRIGHT = 40.0
"""Hounsfield units from which the network of the test says yes."""

KEY = "cdc6a08174d44010b69f2f758bb10cb85bced5c3b09c6f3cf214ed65a4b4f896"
"""One that moves no patient's date onto a planted date of another, as one key in many does."""


def facts(document, step):
    return next(row for row in document["steps"] if row["step"] == step)["facts"][0]


def test_an_identified_archive_becomes_a_cohort_that_names_nobody(tmp_path):
    patients = write_archive(tmp_path / "archive", patients=4, broken=1, seed=2, identified=True)
    home = tmp_path / "laptop"
    laptop = Laptop(home)
    (home / ".medgantry").mkdir(parents=True)
    (home / ".medgantry" / "deidentification.key").write_text(KEY)
    parameters = {"source": str(tmp_path / "archive"), "max_rejected": 0.6, "keep_dicom": "true"}
    code, document, said = laptop.run("ingest_dicom", shards=2, **parameters)
    assert code == 0, document["error"]
    assert facts(document, "plan_ingest")["tasks"] == 2
    first = facts(document, "merge_cohort")
    assert first["cases"] >= 3
    assert document["ledger"]["rejected"] >= 1
    code, document, again = laptop.run("ingest_dicom", shards=4, **parameters)
    assert code == 0
    assert facts(document, "merge_cohort")["cohort_hash"] == first["cohort_hash"]
    planted = {item.text.encode() for patient in patients for item in patient.planted if len(item.text) > 4}
    assert len(planted) > 200
    assert not {needle for needle in planted if needle in (said + again).encode()}
    for path in home.rglob("*"):
        if not path.is_file():
            assert not any(needle in str(path).encode() for needle in planted), "a folder's name"
            continue
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content += gzip.decompress(content)
        found = {needle for needle in planted if needle in content or needle in str(path).encode()}
        assert not found, path.relative_to(home)


def test_a_missing_archive_and_a_wrong_rule_are_one_clear_line(tmp_path):
    code, document, _ = Laptop(tmp_path).run("ingest_dicom", source=str(tmp_path / "nowhere"))
    assert code == 1
    assert "does not exist" in document["error"]["message"]


@pytest.fixture
def bundle(tmp_path):
    """A network of one weight that marks what is brighter than soft tissue: small, and right by arithmetic."""
    folder = tmp_path / "bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    code = ["49755003", "SCT", "Morphologically Abnormal Structure"]
    metadata = {
        "version": "1.0.0",
        "monai_version": "1.6.1",
        "name": "Brighter than tissue",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1, "channel_def": {"0": "CT"}}},
            "outputs": {"pred": {"num_channels": 1, "channel_def": {"0": "bright"}}},
        },
        "segments": {"bright": {"label": "Bright", "category": code, "type": ["52988006", "SCT", "Lesion"]}},
    }
    inference = {
        "device": "cpu",
        "network_def": {"_target_": "torch.nn.Conv3d", "in_channels": 1, "out_channels": 1, "kernel_size": 1},
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": ["image"], "ensure_channel_first": True},
                {"_target_": "Orientationd", "keys": ["image"], "axcodes": "RAS", "labels": None},
            ],
        },
        "inferer": {"_target_": "SimpleInferer"},
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
                {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
            ],
        },
    }
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / "configs/inference.yaml").write_text(yaml.safe_dump(inference))
    (folder / "provenance.json").write_text(json.dumps({"regions": {"bright": [1]}}))
    weights = {"weight": torch.full((1, 1, 1, 1, 1), 0.1), "bias": torch.tensor([-0.1 * BRIGHT])}
    torch.save(weights, folder / "models/model.pt")
    return folder


def test_from_a_pacs_to_a_segmentation_in_it(orthanc, bundle, tmp_path, monkeypatch):
    orthanc.clear()
    patients = write_archive(tmp_path / "archive", patients=2, broken=0, seed=4, identified=False)
    paths = [path for patient in patients for path in patient.files]
    for name, value in orthanc.environment.items():
        monkeypatch.setenv(name, value)
    assert all(sent.accepted for sent in store_files(peer_of(orthanc.dimse), paths))
    target = f"dicomweb+{orthanc.dicomweb}"
    given = {"bundle": str(bundle), "trust_bundle": "true", "target": target, "measurements": "true"}
    parameters = {
        **given,
        "source": target,
        "deidentify": "none",
        "select": {"has": "mask", "image_type": ["ORIGINAL"]},
        "shards": 2,
    }
    laptop = Laptop(tmp_path, orthanc.environment)
    killed = laptop.start("run", "batch_inference", *as_options(parameters), stdout=DEVNULL, stderr=DEVNULL)
    while not answers(orthanc, patients):
        assert killed.poll() is None
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    code, document, _ = laptop.run("batch_inference", **parameters)
    assert code == 0, document["error"]
    assert facts(document, "predict_part")["cases_reused"] == 2
    assert facts(document, "merge_predictions")["predicted"] == 2
    assert facts(document, "export_dicom")["sent"] == 4
    check(orthanc, patients, tmp_path)
    (cohort,) = {path.parent for path in laptop.of_run(document, "merge-cohort/cohort/cohort.json")}
    code, again, _ = laptop.run("predict_cohort", **given, cohort=str(cohort))
    assert code == 0, again["error"]
    assert facts(again, "export_dicom")["sent_earlier"] == 4
    assert len(answers(orthanc, patients)) == 4
    tables = [
        [path.read_bytes() for path in sorted(laptop.of_run(one, "merge-predictions/measurements/*.parquet"))]
        for one in (document, again)
    ]
    assert len(tables[0]) == 3
    assert tables[0] == tables[1]
    (folder,) = {
        path.parent for path in laptop.of_run(document, "merge-predictions/measurements/sources.parquet")
    }
    measured = Measurements.open(folder)
    assert {row["region"] for row in measured.rows} == {"bright"}
    assert all(row["volume_ml"] > 0 for row in measured.rows)
    slices = {frozenset(data.SOPInstanceUID for data in patient.series.datasets) for patient in patients}
    assert {frozenset(source.sop_instance_uids) for source in measured.sources} == slices


def answers(orthanc, patients):
    """The series of a PACS that are answers."""
    client = DicomWeb(orthanc.dicomweb)
    found = [one for patient in patients for one in client.series(patient.series.spec.study_uid, {})]
    return [record for record in found if number_of(record) >= 1000]


def check(orthanc, patients, tmp_path):
    """On each series lies one answer, with the voxels that the network must say."""
    client = DicomWeb(orthanc.dicomweb)
    for patient in patients:
        spec = patient.series.spec
        made = [record for record in client.series(spec.study_uid, {}) if number_of(record) == 1000]
        (uid,) = (record["0020000E"]["Value"][0] for record in made)
        folder = tmp_path / patient.patient_id
        (folder / "ct").mkdir(parents=True)
        (folder / "seg").mkdir()
        retrieved = client.retrieve(spec.study_uid, spec.series_uid, folder / "ct")
        (series,) = group_series(map(read_header, retrieved))
        volume = read_volume(series.stacks()[0], modality="CT")
        (path,) = client.retrieve(spec.study_uid, uid, folder / "seg")
        found = np.zeros(volume.grid.shape, np.uint8)
        proof = Segmentation(path).paint({1: 1}, volume, found)
        assert proof.referred == proof.planes
        # The resampling to the source grid is exact here, but for the last digits at the threshold.
        assert np.count_nonzero((found > 0) != (volume.voxels > BRIGHT)) <= 0.001 * found.size
        assert found.any()


def number_of(record):
    return int(record.get("00200011", {}).get("Value", [0])[0])
