"""The three steps on a cohort with everything that goes wrong: each in the ledger, the others unaffected."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest
import SimpleITK as sitk

from medgantry.features.radiomics import part, step
from medgantry.features.radiomics.case import measure_case
from medgantry.features.radiomics.config import choose
from medgantry.features.radiomics.extract import RegionExtractor
from medgantry.features.radiomics.part import extract_part
from medgantry.features.radiomics.plan import plan_cases
from medgantry.features.radiomics.settings import Settings
from medgantry.features.table import FeatureTable
from medgantry.steps import StepRecord
from tests.medgantry.features.radiomics.subjects import SHAPE, Builder, ellipsoid, noise, volume

STEP = "from pathlib import Path; import sys; from medgantry.features.radiomics.step import extract; " + (
    "extract(*[Path(p) for p in sys.argv[1:4]], index=0)"
)


def codes(**centres):
    array = ellipsoid().astype(np.uint8)
    array[ellipsoid(centre=(10, 12, 12), radii=(4, 6, 6))] = 2
    return array


@pytest.fixture
def builder(store, tmp_path):
    (tmp_path / "files").mkdir()
    return Builder(store, tmp_path / "files")


def run(cohort, folder, *, max_rejected=1.0, **how):
    cohort.save(folder / "cohort")
    arguments = {"settings": "", "regions": "", "channel": "", "min_voxels": 64, **how}
    indices = step.plan(folder / "cohort", folder / "plan", **arguments)
    for index in indices:
        step.extract(folder / "plan", folder / "cohort", folder / f"receipt-{index}", index=index)
    receipts = [folder / f"receipt-{index}" for index in indices]
    step.merge(folder / "cohort", folder / "plan", receipts, folder / "table", max_rejected=max_rejected)
    return FeatureTable.open(folder / "table")


def test_every_bad_case_has_its_verdict_and_the_good_ones_their_features(builder, store, tmp_path):
    good, mask = volume(noise(seed=1)), volume(codes())
    builder.add("good", good, mask, subject="p1", date="20200101")
    builder.add("empty", good, mask * 0)
    builder.add("shifted", good, volume(codes(), origin=(-120.3, 33.1, -600)))
    builder.add("tiny", good, volume(ellipsoid(radii=(1, 2, 2)).astype(np.uint8)))
    builder.add("cut", volume(noise(seed=2)), mask, cut=True)
    builder.add("even", good * 0 + 40, mask)
    builder.add("maskless", good, None)
    builder.add("gone", volume(noise(seed=3)), mask)
    (lost,) = [file for file in builder.files if file.case_id == "gone" and file.role == "image"]
    store.delete(lost.uri.split("/", 3)[3].split("/", 1)[1])
    table = run(builder.cohort, tmp_path)
    found = {entry.item: entry for entry in table.entries}
    assert {item: entry.verdict for item, entry in found.items()} == {
        case.group_id: "ok" if case.case_id == "good" else "rejected" for case in builder.cases
    }
    for item, rule, evidence in (
        ("empty", "at least 64 voxels", "0 voxels"),
        ("shifted", "one grid", "mm apart"),
        ("tiny", "at least 64 voxels", "15 voxels"),
        ("cut", "gzip stream is whole", "end"),
        ("even", "values differ", "40"),
        ("maskless", "an image of channel CT and a label map", "1 and 0"),
        ("gone", "those that were ingested", ""),
    ):
        assert rule in found[item].rule
        assert evidence in found[item].evidence
        assert found[item].remedy
    (row,) = table.rows
    assert (row["subject_id"], row["event_timestamp"]) == ("p1", datetime(2020, 1, 1, tzinfo=UTC))
    wanted = RegionExtractor(Settings.parse(""), min_voxels=64)(good, mask, [1]).features
    assert {column.name: row[column.name] for column in table.columns} == wanted
    facts = table.provenance["cases"]["good"]
    assert facts["image_sha256"] == builder.files[0].sha256
    assert facts["spacing_mm"] == pytest.approx([0.9765625, 0.9765625, 1.25])
    assert table.provenance["libraries"]["pyradiomics-bhklab"] == "3.1.4"


def test_two_regions_stand_beside_each_other(store, tmp_path):
    (tmp_path / "files").mkdir()
    builder = Builder(store, tmp_path / "files", {"whole": ["tumour", "node"], "node": ["node"]})
    builder.add("both", volume(noise(seed=1)), volume(codes()))
    builder.add("no node", volume(noise(seed=2)), volume(ellipsoid().astype(np.uint8)))
    table = run(builder.cohort, tmp_path, settings='{"featureClass": {"shape": ["VoxelVolume"]}}')
    rows = {row["subject_id"]: row for row in table.rows}
    voxel = 0.9765625**2 * 1.25
    assert rows["both"]["node_original_shape_VoxelVolume"] == pytest.approx((codes() == 2).sum() * voxel)
    assert rows["both"]["whole_original_shape_VoxelVolume"] == pytest.approx((codes() > 0).sum() * voxel)
    assert rows["no node"]["node_original_shape_VoxelVolume"] is None
    assert rows["no node"]["whole_original_shape_VoxelVolume"] > 0
    (lost,) = [entry for entry in table.entries if entry.verdict == "rejected"]
    assert (lost.item, lost.evidence.split(": ")[0]) == ("no node", "no node/node")


def planned(builder):
    how = {"settings": "", "regions": "", "channel": "", "min_voxels": 64}
    return plan_cases(builder.cohort, choose(builder.cohort, **how))


def test_a_rerun_measures_nothing_again_and_a_renamed_case_neither(builder, store):
    for seed in range(3):
        builder.add(f"case-{seed}", volume(noise(seed=seed)), volume(codes()))
    plan, record = planned(builder), StepRecord(step="test")
    first = extract_part(plan, builder.cohort, part=0, store=store, record=record)
    assert (record.reused, record.facts["cases_reused"]) == (False, 0)
    builder.add("copy", volume(noise(seed=0)), volume(codes()))
    again = StepRecord(step="test")
    second = extract_part(planned(builder), builder.cohort, part=0, store=store, record=again)
    assert (again.reused, again.facts["cases_reused"]) == (True, 4)
    assert second == first | {"copy": first["case-0"]}


def die_of_large_masks(config, image, channel_index, labels, scratch):
    """A native crash for one of the cases."""
    if sitk.GetArrayFromImage(sitk.ReadImage(labels)).sum() > 4000:
        os.kill(os.getpid(), signal.SIGSEGV)
    return measure_case(config, image, channel_index, labels, scratch)


def test_a_crash_takes_one_case_and_is_not_kept(builder, store, monkeypatch):
    builder.add("good", volume(noise(seed=1)), volume(codes()))
    builder.add("deadly", volume(noise(seed=2)), volume(ellipsoid(radii=(15, 20, 20)).astype(np.uint8)))
    plan = planned(builder)
    with monkeypatch.context() as patch:
        patch.setattr(part, "measure_case", die_of_large_masks)
        results = extract_part(plan, builder.cohort, part=0, store=store, record=StepRecord(step="test"))
    assert "features" in results["good"]["regions"]["tumour"]
    assert "killed by signal 11" in results["deadly"]["regions"]["tumour"]["evidence"]
    mended = extract_part(plan, builder.cohort, part=0, store=store, record=StepRecord(step="test"))
    assert "features" in mended["deadly"]["regions"]["tumour"]


def test_too_little_memory_is_a_verdict_of_this_run_only(builder, store, monkeypatch):
    builder.add("small", volume(noise(seed=1)), volume(codes()))
    wide = np.zeros((200, 512, 640), np.int16)
    wide[: SHAPE[0], : SHAPE[1], : SHAPE[2]] = noise(seed=2)
    labels = np.zeros(wide.shape, np.uint8)
    labels[: SHAPE[0], : SHAPE[1], : SHAPE[2]] = codes()
    builder.add("wide", volume(wide), volume(labels))
    plan = planned(builder)
    monkeypatch.setattr("medgantry.isolation.memory_mib", lambda: 320)
    results = extract_part(plan, builder.cohort, part=0, store=store, record=StepRecord(step="test"))
    assert "features" in results["small"]["regions"]["tumour"]
    assert "more than 320 MiB" in results["wide"]["regions"]["tumour"]["evidence"]
    record = StepRecord(step="test")
    monkeypatch.undo()
    extract_part(plan, builder.cohort, part=0, store=store, record=record)
    assert record.facts["cases_reused"] == 1


def test_a_killed_task_goes_on_where_it_was(builder, store, tmp_path):
    for seed in range(8):
        builder.add(f"case-{seed}", volume(noise(seed=seed)), volume(codes()))
    plan = planned(builder)
    plan.save(tmp_path / "plan")
    builder.cohort.save(tmp_path / "cohort")
    folders = [str(tmp_path / name) for name in ("plan", "cohort", "receipt")]
    process = subprocess.Popen([sys.executable, "-c", STEP, *folders], env=dict(os.environ))
    deadline = time.monotonic() + 120
    while not (kept := {item.key: item.modified for item in store.list(f"radiomics/{plan.spec}/")}):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    record = StepRecord(step="test")
    results = extract_part(plan, builder.cohort, part=0, store=store, record=record)
    assert len(results) == 8
    assert record.facts["cases_reused"] >= len(kept)
    now = {item.key: item.modified for item in store.list(f"radiomics/{plan.spec}/")}
    assert len(now) == 8
    assert kept.items() <= now.items()
