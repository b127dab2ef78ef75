"""A real PACS is filled, ingested both ways, and gets the segmentation back where it belongs."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from medgantry import ledger
from medgantry.bundles import Bundle, open_bundle
from medgantry.cohort import Case, Cohort, File
from medgantry.dicom.header import read_header
from medgantry.dicom.network.dicomweb import DicomWeb, text
from medgantry.dicom.network.dimse_store import store_files
from medgantry.dicom.network.peer_uri import peer_of
from medgantry.dicom.segmentation import Segmentation
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import read_volume
from medgantry.documents import read_document
from medgantry.errors import InvalidInput, Mismatch
from medgantry.exporting.step import SCHEMA_NAME, export_step
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.merge import merge_studies
from medgantry.ingest.dicom.names import names_for
from medgantry.ingest.dicom.part import ingest_part
from medgantry.ingest.dicom.plan import plan_studies
from medgantry.ingest.dicom.selection import Select
from medgantry.ingest.dicom.sources.open import open_source
from medgantry.phantoms.dicom.archive import write_archive
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.files import fetch
from tests.dcmqi import mask_by_dcmqi

CONFIG = DicomConfig(deidentify="none", labels={"lesion": "mass|lesion|gtv"}, select=Select(has="mask"))


@pytest.fixture
def archive(orthanc, tmp_path, monkeypatch):
    orthanc.clear()
    for name, value in orthanc.environment.items():
        monkeypatch.setenv(name, value)
    patients = write_archive(tmp_path / "archive", patients=3, broken=0, seed=7, identified=False)
    paths = [path for patient in patients for path in patient.files]
    assert all(sent.accepted for sent in store_files(peer_of(orthanc.dimse), paths))
    return patients


def ingest(uri, store, scratch):
    scratch.mkdir()
    names = names_for(CONFIG.deidentify)
    plan = plan_studies(uri, open_source(uri, scratch).studies(), CONFIG, names, parts=2)
    results = []
    for part in range(len(plan.parts)):
        results += ingest_part(plan, part, store, StepRecord(step="ingest_dicom_shard"), scratch)
    return merge_studies(plan, results, regions={}, max_rejected=0.0, external=False)


@pytest.fixture
def bundle(tmp_path):
    """A bundle that says what it segments; its weights are not used by an export."""
    made = open_bundle("medgantry:brain_tumor_segmentation", "", tmp_path / "bundle")
    metadata = made.metadata
    metadata["network_data_format"]["outputs"]["pred"]["channel_def"] = {"0": "lesion"}
    metadata["segments"] = {
        "lesion": {
            "label": "Lesion",
            "category": ["49755003", "SCT", "Morphologically Abnormal Structure"],
            "type": ["52988006", "SCT", "Lesion"],
        }
    }
    (made.folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (made.folder / "models").mkdir(exist_ok=True)
    (made.folder / "models/model.pt").write_bytes(b"weights")
    (made.folder / "provenance.json").write_text(json.dumps({"regions": {"lesion": [1]}}))
    return made.folder


@pytest.mark.parametrize("answer", ["dicomweb", "dimse"])
def test_from_a_pacs_and_back(orthanc, archive, bundle, store, tmp_path, answer, monkeypatch):
    dimse = ingest(orthanc.dimse, store, tmp_path / "dimse")
    monkeypatch.setenv("MEDGANTRY_STORE", f"{store.uri('')}/another")  # nothing of the first is reused
    web = ingest(f"dicomweb+{orthanc.dicomweb}", ObjectStore.from_environment(), tmp_path / "web")
    assert web.cohort_hash == dimse.cohort_hash
    assert len(web.cases) == len(archive)
    predicted = [replace(file, role="prediction") for file in web.files if file.role == "label"]
    replace(web, files=[*web.files, *predicted]).save(tmp_path / "predictions")
    target = {"dicomweb": f"dicomweb+{orthanc.dicomweb}", "dimse": orthanc.dimse}[answer]
    export_step(tmp_path / "predictions", bundle, tmp_path / "export", target=target, measurements=True)
    objects = read_document(tmp_path / "export/export.json", SCHEMA_NAME)["objects"]
    assert len(objects) == 2 * len(archive)
    assert all(row["sent"] for row in objects)
    for patient in archive:
        check(patient, orthanc, tmp_path / patient.patient_id)


def check(patient, orthanc, folder):
    """The SEG that the PACS has now, on the series that it has, is the lesion for three readers."""
    client = DicomWeb(orthanc.dicomweb)
    spec = patient.series.spec
    by_modality = {}
    for record in client.series(spec.study_uid, {}):
        uid = record["0020000E"]["Value"][0]
        number = record.get("00200011", {}).get("Value", [0])[0]
        by_modality[record["00080060"]["Value"][0], int(number)] = uid
    (folder / "ct").mkdir(parents=True)
    (folder / "seg").mkdir()
    (series,) = group_series(
        map(read_header, client.retrieve(spec.study_uid, spec.series_uid, folder / "ct"))
    )
    volume = read_volume(series.stacks()[0], modality="CT")
    (path,) = client.retrieve(spec.study_uid, by_modality["SEG", 1000], folder / "seg")
    assert ("SR", 1001) in by_modality
    found = np.zeros(volume.grid.shape, np.uint8)
    proof = Segmentation(path).paint({1: 1}, volume, found)
    assert proof.referred == proof.planes
    assert np.array_equal(found > 0, patient.lesion)
    like = highdicom.Volume(
        volume.voxels, volume.grid.affine, "PATIENT", frame_of_reference_uid=volume.frame_of_reference_uid
    )
    theirs = highdicom.seg.segread(path).get_volume(combine_segments=False).match_geometry(like)
    assert np.array_equal(theirs.array[..., 0] > 0, patient.lesion)
    assert np.array_equal(mask_by_dcmqi(path, 1, volume, folder), patient.lesion)


DYING = """
import os, signal, sys
from pathlib import Path
from medgantry.exporting import sending
from medgantry.exporting.step import export_step

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

sending.commit = die
export_step(*map(Path, sys.argv[1:4]), target=sys.argv[4], measurements=True)
"""
"""An export that is killed when the server has taken the first objects, and before that is recorded."""


@pytest.mark.parametrize("answer", ["dicomweb", "dimse"])
def test_a_killed_and_repeated_export_leaves_one_object_of_each_kind(
    orthanc, archive, bundle, store, tmp_path, answer, monkeypatch
):
    cohort = ingest(f"dicomweb+{orthanc.dicomweb}", store, tmp_path / "web")
    predicted = [replace(file, role="prediction") for file in cohort.files if file.role == "label"]
    replace(cohort, files=[*cohort.files, *predicted]).save(tmp_path / "predictions")
    target = {"dicomweb": f"dicomweb+{orthanc.dicomweb}", "dimse": orthanc.dimse}[answer]
    folders = [str(tmp_path / "predictions"), str(bundle), str(tmp_path / "killed")]
    died = subprocess.run([sys.executable, "-c", DYING, *folders, target], env=dict(os.environ), check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(answers(orthanc, archive)) >= 1
    assert not list(store.list("exports/sent/"))

    def export(name):
        export_step(tmp_path / "predictions", bundle, tmp_path / name, target=target, measurements=True)
        record = json.loads(store.get_bytes("runs/test/steps/export_dicom.json"))
        return read_document(tmp_path / name / "export.json", SCHEMA_NAME), record["facts"]

    document, facts = export("second")
    assert (facts["objects"], facts["sent"], facts["sent_earlier"]) == (6, 6, 0)
    for name in ("medgantry.dicom.network.dicomweb.DicomWeb.store", "medgantry.exporting.target.store_files"):
        monkeypatch.setattr(name, None)  # whoever sends anything now fails
    again, facts = export("third")
    assert (again, facts["sent_earlier"]) == (document, 6)
    found = answers(orthanc, archive)
    assert Counter((study, kind) for study, kind, _ in found) == {
        (patient.series.spec.study_uid, kind): 1 for patient in archive for kind in ("SEG", "SR")
    }
    kept = {row["sop_instance_uid"]: row for row in document["objects"]}
    for study, kind, series in found:
        (path,) = DicomWeb(orthanc.dicomweb).retrieve(study, series, tmp_path / f"{kind}-{study}")
        there = dcmread(path)
        row = kept.pop(there.SOPInstanceUID)
        assert there == dcmread(fetch(row["uri"], row["sha256"], tmp_path, "dcm"))
    assert not kept
    slices = {patient.series.spec.study_uid: patient.series.datasets for patient in archive}
    sources = {frozenset(dataset.SOPInstanceUID for dataset in datasets) for datasets in slices.values()}
    assert {frozenset(row["sources"]) for row in document["objects"]} == sources
    assert document["weights_hash"] == Bundle(bundle).weights_hash


def answers(orthanc, patients):
    """Study, modality and series of what we sent to a PACS."""
    client = DicomWeb(orthanc.dicomweb)
    return [
        (patient.series.spec.study_uid, text(record, "Modality"), text(record, "SeriesInstanceUID"))
        for patient in patients
        for record in client.series(patient.series.spec.study_uid, {})
        if text(record, "SeriesNumber") in ("1000", "1001")
    ]


def test_one_odd_case_does_not_stop_the_others(orthanc, archive, bundle, store, tmp_path):
    cohort = ingest(orthanc.dimse, store, tmp_path / "dimse")
    odd = cohort.cases[0].case_id
    store.put_bytes("odd.tar", b"no archive")
    sha256 = hashlib.sha256(b"no archive").hexdigest()
    files = [
        replace(file, uri=store.uri("odd.tar"), sha256=sha256)
        if (file.case_id, file.role) == (odd, "dicom")
        else file
        for file in cohort.files
    ]
    predicted = [replace(file, role="prediction") for file in files if file.role == "label"]
    replace(cohort, files=[*files, *predicted]).save(tmp_path / "predictions")
    export_step(tmp_path / "predictions", bundle, tmp_path / "export", target="", measurements=False)
    entries = {entry.item: entry for entry in ledger.read(tmp_path / "export/ledger.parquet")}
    assert [entries[case.case_id].verdict for case in cohort.cases] == ["rejected", "ok", "ok"]
    assert "ReadError at" in entries[odd].evidence


def test_a_case_without_dicom_and_a_wrong_target_are_told(bundle, store, tmp_path):
    row = File(
        case_id="a",
        role="image",
        channel="CT",
        channel_index=-1,
        uri="s3://x/y",
        format="nii.gz",
        sha256="0",
        shape=[1, 1, 1],
        spacing_mm=[1, 1, 1],
        orientation="RAS",
    )
    cohort = Cohort(
        cases=[Case(case_id="a", group_id="a")],
        files=[row],
        entries=[],
        channels=["CT"],
        label_map={},
        regions={},
    )
    cohort.save(tmp_path / "predictions")
    export_step(tmp_path / "predictions", bundle, tmp_path / "export", target="", measurements=False)
    assert read_document(tmp_path / "export/export.json", SCHEMA_NAME)["objects"] == []
    with pytest.raises(InvalidInput, match="target must be"):
        export_step(
            tmp_path / "predictions", bundle, tmp_path / "export", target="ftp://x", measurements=False
        )
    (entry,) = ledger.read(tmp_path / "export/ledger.parquet")
    assert (entry.item, entry.verdict, entry.evidence) == ("a", "excluded", "a case has neither")
    with pytest.raises(Mismatch, match="No case can be answered"):
        export_step(
            tmp_path / "predictions",
            bundle,
            tmp_path / "export",
            target="dicomweb+http://x",
            measurements=False,
        )
