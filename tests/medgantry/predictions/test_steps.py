"""The three steps on cohorts of every task, with cases that go wrong and tasks that are killed."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch
from pydicom import Dataset, dcmwrite
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from medgantry.bundles import open_bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS
from medgantry.cohort import Cohort
from medgantry.errors import InvalidBundle, InvalidInput, Mismatch, TooManyRejected
from medgantry.fingerprint import hash_file
from medgantry.inference.registrar import Displacement
from medgantry.ingest.pairs.ingest import PairsConfig, ingest_pairs, read_pairs
from medgantry.phantoms.lung_pairs import write_pairs
from medgantry.predictions import step
from medgantry.predictions.measurements import Measurements
from medgantry.predictions.plan import PredictionPlan, plan_predictions
from medgantry.registration import DisplacementNet
from medgantry.storage.files import Source, fetch, keep
from tests.medgantry import brightness, colours

STEP = "from pathlib import Path; import sys; from medgantry.predictions.step import predict; " + (
    "predict(*[Path(p) for p in sys.argv[1:5]], index=0)"
)


def run(cohort, bundle, folder, *, split="", max_rejected=0.0):
    """The three steps; returns the cohort with predictions and the measurements."""
    cohort.save(folder / "cohort")
    indices = step.plan(folder / "cohort", bundle.folder, folder / "plan", split=split)
    receipts = [folder / f"receipt-{index}" for index in indices]
    for index, receipt in zip(indices, receipts, strict=True):
        step.predict(folder / "plan", folder / "cohort", bundle.folder, receipt, index=index)
    return merged(folder, receipts, max_rejected)


def merged(folder, receipts, max_rejected=0.0):
    outputs = folder / "predictions", folder / "measurements"
    step.merge(folder / "cohort", folder / "plan", receipts, *outputs, max_rejected=max_rejected)
    return Cohort.open(outputs[0]), Measurements.open(outputs[1])


def packed(path, uids):
    """A tar as ingest packs it: slices, and a mask that is none of the sources."""
    with tarfile.open(path, "w") as archive:
        for index, uid in enumerate([*uids, "1.2.9"]):
            dataset = Dataset()
            dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, uid
            dataset.file_meta = Dataset()
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
            dataset.file_meta.MediaStorageSOPInstanceUID = uid
            stream = io.BytesIO()
            dcmwrite(stream, dataset, enforce_file_format=True)
            member = tarfile.TarInfo(f"{'slice' if index < len(uids) else 'mask'}-{index:05}.dcm")
            member.size = len(stream.getvalue())
            archive.addfile(member, io.BytesIO(stream.getvalue()))
    return path


def with_dicom(cohort, store, folder):
    """The cohort as if each case came from two DICOM instances."""
    rows = []
    for number, case in enumerate(cohort.cases):
        path = packed(folder / f"{number}.tar", [f"1.2.{number}.1", f"1.2.{number}.2"])
        sha256, image = hash_file(path), cohort.files_of[case.case_id][0]
        uri = keep(store, path, sha256)
        rows.append(replace(image, role="dicom", uri=uri, sha256=sha256, format="tar"))
    return replace(cohort, files=[*cohort.files, *rows])


def test_an_ensembles_masks_are_files_with_uncertainty_and_volumes(store, tmp_path):
    cohort = brightness.make_cohort(store, tmp_path, test=2)
    bundle = brightness.make_ensemble(tmp_path / "b", cohort)
    found, measurements = run(cohort, bundle, tmp_path, split="test")
    assert [case.case_id for case in found.cases] == cohort.side("test")
    rows = {row["case_id"]: row for row in measurements.rows}
    assert set(rows) == set(found.files_of)
    for case_id, files in found.files_of.items():
        (label,) = (file for file in files if file.role == "prediction")
        (unsure,) = (file for file in files if file.role == "uncertainty")
        image = nibabel.load(fetch(unsure.uri, unsure.sha256, tmp_path, unsure.format))
        labels = nibabel.load(fetch(label.uri, label.sha256, tmp_path, label.format))
        np.testing.assert_array_equal(image.affine, labels.affine)
        values = np.asanyarray(image.dataobj)
        assert values.dtype == np.float32
        assert values.shape == labels.shape == tuple(unsure.shape)
        assert 0 < values.max() <= 1
        voxels = np.count_nonzero(np.asanyarray(labels.dataobj) == brightness.BALL)
        assert voxels > 50
        row = rows[case_id]
        assert (row["region"], row["voxels"]) == ("ball", voxels)
        assert row["volume_ml"] == pytest.approx(voxels * 1.5 * 1.5 * 2.0 / 1000)
        assert row["group_id"] == next(case.group_id for case in found.cases if case.case_id == case_id)


def test_each_row_leads_back_to_its_instances_and_its_model(store, tmp_path):
    cohort = with_dicom(brightness.make_cohort(store, tmp_path, test=1, train=1), store, tmp_path)
    bundle = brightness.make_bundle(tmp_path / "b", cohort)
    found, measurements = run(cohort, bundle, tmp_path)
    for number, source in enumerate(measurements.sources):
        assert source.case_id == cohort.cases[number].case_id
        assert source.sop_instance_uids == [f"1.2.{number}.1", f"1.2.{number}.2"]
        files = found.files_of[source.case_id]
        assert source.inputs == sorted(file.sha256 for file in files if file.role == "image")
        assert source.predictions == {f.role: f.sha256 for f in files if f.role == "prediction"}
        assert (source.bundle_hash, source.weights_hash) == (bundle.bundle_hash, bundle.weights_hash)
    assert {entry.item: entry.evidence for entry in measurements.entries} == {
        case.case_id: f"weights {bundle.weights_hash[:16]}; 2 DICOM instances" for case in cohort.cases
    }


def test_a_classifier_gives_probabilities_and_no_files(store, tmp_path):
    cohort = colours.make_cohort(store, tmp_path, test=4)
    bundle = colours.make_bundle(tmp_path / "b", cohort, noise=0.0, temperature=2.0)
    found, measurements = run(cohort, bundle, tmp_path)
    assert found.cohort_hash == cohort.cohort_hash
    assert len(measurements.rows) == 12
    assert {row["predicted"] for row in measurements.rows} == set(colours.CLASSES)
    for row in measurements.rows:
        shares = {name: row[f"probability {name}"] for name in colours.CLASSES}
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-3)
        assert row["predicted"] == max(shares, key=shares.__getitem__)


def test_pairs_give_displacements_and_warped_images(store, tmp_path):
    write_pairs(tmp_path / "pairs", pairs=2, damaged=0, size=(34, 34, 32))
    config = PairsConfig(max_rejected=0.0)
    place = Source(str(tmp_path / "pairs"), tmp_path / "scratch")
    cohort = ingest_pairs(place, read_pairs(place, config), config, store)
    constant = (
        "$lambda image, network: torch.ones(1, 3, *image.shape[2:]) * torch.tensor([3.0, 0.0, 4.0])"
        + (".reshape(1, 3, 1, 1, 1)")
    )
    override = {"spacing": [2, 2, 2], "channels": 2, "depth": 1, "inferer": constant, "device": "cpu"}
    bundle = open_bundle("medgantry:lung_registration", json.dumps(override), tmp_path / "b")
    (tmp_path / "b" / WEIGHTS).parent.mkdir(exist_ok=True)
    torch.save(DisplacementNet(channels=2, depth=1).state_dict(), tmp_path / "b" / WEIGHTS)
    found, measurements = run(cohort, bundle, tmp_path)
    assert len(found.cases) == 2
    for row in measurements.rows:
        assert row["max_displacement_mm"] == pytest.approx(10.0, abs=1e-3)
        files = {file.role: file for file in found.files_of[row["case_id"]]}
        path = fetch(files["displacement"].uri, files["displacement"].sha256, tmp_path, "nii.gz")
        lengths = np.linalg.norm(Displacement.load(path).millimetres, axis=0)
        assert row["mean_displacement_mm"] == pytest.approx(lengths.mean(), abs=1e-3)
        assert list(files["displacement"].shape) == list(files["warped"].shape) == list(files["fixed"].shape)


def cut(cohort, store, case_id):
    """The cohort with a case whose image cannot be read."""
    content, key = b"no NIfTI", f"cut/{case_id}"
    store.put_bytes(key, content)
    sha256 = hashlib.sha256(content).hexdigest()
    files = [
        replace(file, uri=store.uri(key), sha256=sha256)
        if file.case_id == case_id and file.channel == "A"
        else file
        for file in cohort.files
    ]
    return replace(cohort, files=files)


def test_a_bad_case_is_a_verdict_and_the_others_go_on(store, tmp_path):
    cohort = brightness.make_cohort(store, tmp_path, test=3, train=1)
    bundle = brightness.make_bundle(tmp_path / "b", cohort)
    bad = cohort.cases[0].case_id
    damaged = cut(cohort, store, bad)
    with pytest.raises(TooManyRejected, match=bad):
        run(damaged, bundle, tmp_path, max_rejected=0.1)
    found, measurements = run(damaged, bundle, tmp_path, max_rejected=0.2)
    assert bad not in {case.case_id for case in found.cases}
    assert len(measurements.rows) == len(measurements.sources) == 4
    (entry,) = [entry for entry in found.entries if entry.verdict == "rejected"]
    assert (entry.item, entry.step) == (bad, "predict_part")
    assert entry.evidence
    again, _ = run(found, bundle, tmp_path / "again", max_rejected=0.2)  # predicted anew, the old answers go
    assert again.cohort_hash == found.cohort_hash


def test_one_task_or_many_give_the_same(store, tmp_path, monkeypatch):
    cohort = brightness.make_cohort(store, tmp_path, test=4)
    bundle = brightness.make_bundle(tmp_path / "b", cohort)
    one, rows = run(cohort, bundle, tmp_path / "one")
    monkeypatch.setattr("medgantry.cohort.parts.PART_VOXELS", 2 * 12 * 11 * 10)
    many, same = run(cohort, bundle, tmp_path / "many")
    assert len(PredictionPlan.open(tmp_path / "many/plan").parts) == 4
    assert (many.cohort_hash, same) == (one.cohort_hash, rows)
    receipts = [tmp_path / f"many/receipt-{index}" for index in range(3)]
    with pytest.raises(Mismatch, match="2 of 8 cases have no verdict"):
        merged(tmp_path / "many", receipts)


def test_a_killed_task_goes_on_and_ends_with_the_same_bytes(store, tmp_path, monkeypatch):
    cohort = with_dicom(brightness.make_cohort(store, tmp_path, test=20), store, tmp_path)
    bundle = brightness.make_ensemble(tmp_path / "b", cohort)
    cohort.save(tmp_path / "cohort")
    step.plan(tmp_path / "cohort", bundle.folder, tmp_path / "plan", split="")
    plan = PredictionPlan.open(tmp_path / "plan")
    folders = [str(tmp_path / name) for name in ("plan", "cohort", "b", "receipt")]
    process = subprocess.Popen([sys.executable, "-c", STEP, *folders], env=dict(os.environ))
    deadline = time.monotonic() + 120
    while not kept(store, plan):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = kept(store, plan)
    assert 0 < len(before) < len(cohort.cases)
    assert not (tmp_path / "receipt").exists()
    subprocess.run([sys.executable, "-c", STEP, *folders], env=dict(os.environ), check=True)
    after = kept(store, plan)
    assert before.items() <= after.items()
    assert len(after) == len(cohort.cases)
    found, _ = merged(tmp_path, [tmp_path / "receipt"])
    monkeypatch.setenv("MEDGANTRY_STORE", f"{store.uri('')}/undisturbed")  # nothing of the first is reused
    calm, _ = run(cohort, bundle, tmp_path / "calm")
    assert [file.sha256 for file in calm.files] == [file.sha256 for file in found.files]
    for name in ("measurements.parquet", "sources.parquet", "ledger.parquet", "measurements.json"):
        path = f"measurements/{name}"
        assert (tmp_path / "calm" / path).read_bytes() == (tmp_path / path).read_bytes(), name


def kept(store, plan):
    return {item.key: item.modified for item in store.list(f"predictions/{plan.spec}/")}


def test_a_renamed_case_is_not_predicted_again(store, tmp_path):
    cohort = brightness.make_cohort(store, tmp_path, test=1, train=1)
    bundle = brightness.make_bundle(tmp_path / "b", cohort)
    run(cohort, bundle, tmp_path / "first")
    renamed = replace(
        cohort,
        cases=[replace(case, case_id=f"new-{case.case_id}") for case in cohort.cases],
        files=[replace(file, case_id=f"new-{file.case_id}") for file in cohort.files],
    )
    found, measurements = run(renamed, bundle, tmp_path / "second")
    receipt = json.loads((tmp_path / "second/receipt-0/receipt.json").read_text())
    assert len(kept(store, PredictionPlan.open(tmp_path / "second/plan"))) == len(receipt["cases"]) == 3
    assert all(case.case_id.startswith("new-") for case in found.cases)
    assert [row["case_id"] for row in measurements.rows] == [case.case_id for case in renamed.cases]
    record = json.loads(store.get_bytes("runs/test/steps/predict_part-0.json"))
    assert (record["reused"], record["facts"]["cases_reused"]) == (True, 3)


def test_other_label_codes_are_another_result(store, tmp_path):
    cohort = brightness.make_cohort(store, tmp_path, test=1, train=1)
    bundle = brightness.make_bundle(tmp_path / "b", cohort)
    before = plan_predictions(cohort, bundle, split="").spec
    provenance = {**bundle.provenance, "regions": {"ball": [7]}}
    (bundle.folder / PROVENANCE).write_text(json.dumps(provenance))
    assert plan_predictions(cohort, bundle, split="").spec != before


def test_what_cannot_be_predicted_is_told_before_any_volume_is_read(store, tmp_path):
    cohort = brightness.make_cohort(store, tmp_path, test=1, train=1)
    bundle = brightness.make_bundle(tmp_path / "b", cohort)
    with pytest.raises(InvalidInput, match="side 'tset'"):
        plan_predictions(cohort, bundle, split="tset")
    with pytest.raises(Mismatch, match="channels"):
        plan_predictions(replace(cohort, channels=["A"]), bundle, split="")
    plan = plan_predictions(cohort, bundle, split="")
    with pytest.raises(Mismatch, match="plan is of bundle"):
        plan.check_fits(cohort, brightness.make_bundle(tmp_path / "other", cohort, looks_at=(0, 1, 0)))
    (bundle.folder / WEIGHTS).unlink()
    with pytest.raises(InvalidBundle, match="no weights"):
        plan_predictions(cohort, type(bundle)(bundle.folder), split="")


def test_files_of_an_earlier_model_are_replaced(store, tmp_path):
    cohort = brightness.make_cohort(store, tmp_path, test=1, train=1)
    ensemble, single = (
        brightness.make_ensemble(tmp_path / "b", cohort),
        brightness.make_bundle(tmp_path / "c", cohort),
    )
    first, _ = run(cohort, ensemble, tmp_path / "first")
    second, _ = run(first, single, tmp_path / "second")
    roles = [sorted(file.role for file in files) for files in second.files_of.values()]
    assert roles == [["image", "image", "image", "label", "prediction"]] * 3
