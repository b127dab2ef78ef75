"""DICOM archives to cohorts: the same whatever the tasks, complete in the ledger, and naming nobody."""

import base64
import gzip
import io
import json
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom import dcmread

from medgantry.cohort import Cohort
from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.errors import InvalidInput, TooManyRejected
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.merge import merge_studies
from medgantry.ingest.dicom.names import names_for
from medgantry.ingest.dicom.part import ingest_part
from medgantry.ingest.dicom.plan import IngestPlan, plan_studies
from medgantry.ingest.dicom.quality import quality_page
from medgantry.ingest.dicom.reidentification import keep_table, open_table
from medgantry.ingest.dicom.selection import Select
from medgantry.ingest.dicom.sources.open import open_source
from medgantry.phantoms.dicom.archive import write_archive
from medgantry.phantoms.dicom.identity import write_identified_study
from medgantry.phantoms.dicom.series import make_series, write_datasets, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore
from medgantry.storage.files import fetch

LABELS = {"lesion": "lesion|mass|tumou?r|neoplasm|gtv"}
KEY = "a key for tests, 32 bytes or more"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("MEDGANTRY_DEIDENTIFICATION_KEY", KEY)


def ingest(source, store, scratch, *, shards=1, max_rejected=1.0, **config):
    wanted = DicomConfig(**{"labels": LABELS, **config})
    scratch.mkdir(parents=True, exist_ok=True)
    listing = open_source(str(source), scratch / "plan").studies()
    plan_studies(str(source), listing, wanted, names_for(wanted.deidentify), parts=shards).save(
        scratch / "planned"
    )
    plan = IngestPlan.open(scratch / "planned")
    results, reused = [], []
    for part in range(len(plan.parts)):
        record = StepRecord(step="ingest_dicom_shard")
        results += ingest_part(plan, part, store, record, scratch)
        reused.append(record.reused)
    cohort = merge_studies(plan, results, regions={}, max_rejected=max_rejected, external=False)
    return cohort, plan, results, reused


def verdicts(cohort):
    return sorted((entry.verdict, entry.rule) for entry in cohort.entries)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    return folder, write_archive(folder, patients=4, broken=1, seed=3, identified=False)


def test_the_number_of_tasks_changes_nothing_and_a_rerun_does_nothing(archive, store, tmp_path, monkeypatch):
    folder, patients = archive
    one, _, _, first = ingest(folder, store, tmp_path / "one", shards=1, select=Select(has="mask"))
    *_, reused = ingest(folder, store, tmp_path / "again", shards=2, select=Select(has="mask"))
    monkeypatch.setenv("MEDGANTRY_STORE", f"{store.uri('')}/another")
    other = ObjectStore.from_environment()
    four, plan, _, fresh = ingest(folder, other, tmp_path / "four", shards=4, select=Select(has="mask"))
    assert len(plan.parts) == 4
    assert not any([*first, *fresh])
    assert one.cohort_hash == four.cohort_hash
    assert [vars(entry) for entry in one.entries] == [vars(entry) for entry in four.entries]
    assert all(reused)
    assert len(one.cases) == sum(not patient.damage for patient in patients), [
        entry for entry in one.entries if entry.verdict == "rejected"
    ]


def test_volumes_and_masks_are_the_truth(archive, store, tmp_path):
    folder, patients = archive
    cohort, *_ = ingest(folder, store, tmp_path, select=Select(has="mask"), deidentify="none")
    sound = {patient.patient_id: patient for patient in patients if not patient.damage}
    assert {case.group_id for case in cohort.cases} == set(sound)
    for case in cohort.cases:
        patient = sound[case.group_id]
        rows = {file.role: file for file in cohort.files_of[case.case_id]}
        paths = {role: fetch(row.uri, row.sha256, tmp_path / "got", row.format) for role, row in rows.items()}
        image = nibabel.load(paths["image"])
        assert np.array_equal(np.asanyarray(image.dataobj).transpose(2, 1, 0), patient.series.voxels)
        lps = np.diag([-1, -1, 1, 1]) @ image.affine[:, [2, 1, 0, 3]]
        assert np.abs(lps - patient.series.affine).max() < 1e-4
        mask = np.asanyarray(nibabel.load(paths["label"]).dataobj).transpose(2, 1, 0)
        assert np.array_equal(mask > 0, patient.lesion)


def test_every_series_is_in_the_ledger(archive, store, tmp_path):
    folder, _ = archive
    cohort, *_ = ingest(
        folder, store, tmp_path, select=Select(has="mask", one_per="study"), deidentify="none"
    )
    listed = {dcmread(path, stop_before_pixels=True).SeriesInstanceUID for path in folder.rglob("*.dcm")}
    judged = {entry.item for entry in cohort.entries}
    names = names_for("none")
    for uid in listed:
        short = names.name("series", uid)[:12]
        assert any(uid in item or short in item for item in judged), uid
    excluded = [entry for entry in cohort.entries if entry.verdict == "excluded"]
    assert {"select", "the file is DICOM"} <= {entry.rule.split(":")[0] for entry in excluded}


def test_the_table_of_pseudonyms_opens_with_the_key_alone(archive, store, tmp_path):
    folder, patients = archive
    names = names_for(DicomConfig().deidentify)
    listing = open_source(str(folder), tmp_path).studies()
    uri = keep_table(listing, names, store)
    assert not any(
        patient.patient_id.encode() in store.get_bytes(item.key)
        for item in store.list("")
        for patient in patients
    )
    table = open_table(uri, Pseudonyms(KEY.encode()))
    assert set(table["patients"].values()) == {patient.patient_id for patient in patients}
    assert table["patients"][names.patient(patients[0].patient_id)] == patients[0].patient_id
    with pytest.raises(InvalidInput, match="cannot be opened"):
        open_table(uri, Pseudonyms(KEY[::-1].encode()))
    with pytest.raises(InvalidInput, match="nothing is de-identified"):
        keep_table(listing, names_for("none"), store)


def test_the_report_shows_attrition_and_pictures(archive, store, tmp_path):
    folder, _ = archive
    cohort, plan, results, _ = ingest(folder, store, tmp_path, select=Select(has="mask"))
    page = quality_page(cohort, results, DicomConfig.of(plan.config))
    for wanted in (
        "What became of everything",
        "113100",
        "select: ",
        "data:image/png;base64",
        cohort.cases[0].case_id,
    ):
        assert wanted in page


def test_planted_identities_are_nowhere(store, tmp_path, capfd):
    planted = write_identified_study(tmp_path / "archive", 5, patients=2, studies=1).planted
    cohort, plan, results, _ = ingest(
        tmp_path / "archive", store, tmp_path / "work", labels={"liver": "^10200004$"}, keep_dicom=True
    )
    cohort.save(tmp_path / "cohort")
    texts = {item.text for item in planted if len(item.text) >= 5} | {item.encoded for item in planted}
    needles = {text.encode() if isinstance(text, str) else text for text in texts if len(text) >= 5}
    places = {f"name {item.key}": item.key.encode() for item in store.list("")}
    places |= {item.key: store.get_bytes(item.key) for item in store.list("")}
    places |= {str(path): path.read_bytes() for path in (tmp_path / "cohort").iterdir()}
    places["rows"] = repr(Cohort.open(tmp_path / "cohort")).encode()
    places["plan"] = (tmp_path / "work/planned/plan.json").read_bytes()
    places["page"] = quality_page(cohort, results, DicomConfig.of(plan.config)).encode()
    places["log"] = "".join(capfd.readouterr()).encode()
    assert len(places) > 10
    for name, content in list(places.items()):
        if content[:2] == b"\x1f\x8b":
            places[f"{name} unpacked"] = gzip.decompress(content)
    found = {
        (name, needle)
        for name, content in places.items()
        for needle in needles
        for form in (
            needle,
            needle.decode("utf-8", "replace").encode("utf-16-le"),
            base64.b64encode(needle)[:-4],
        )
        if len(form) > 4 and form in content
    }
    assert not found


def test_kept_dicom_is_deidentified_and_whole(store, tmp_path):
    series = make_series(SeriesSpec(slices=5, patient_id="MRN-77"))
    write_series(series, tmp_path / "archive")
    cohort, *_ = ingest(tmp_path / "archive", store, tmp_path / "work", keep_dicom=True)
    (row,) = (file for file in cohort.files if file.role == "dicom")
    with tarfile.open(fetch(row.uri, row.sha256, tmp_path / "got", row.format)) as opened:
        slices = [dcmread(io.BytesIO(opened.extractfile(member).read())) for member in opened]
    assert [item.PatientID for item in slices] == [cohort.cases[0].group_id] * 5
    values = np.stack([item.pixel_array * item.RescaleSlope + item.RescaleIntercept for item in slices])
    assert np.array_equal(values, series.voxels)


def test_a_study_that_needs_too_much_memory_is_in_the_ledger_and_others_are_not_lost(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr("medgantry.isolation.memory_mib", lambda: 600)
    write_series(make_series(SeriesSpec(seed=1, slices=4, study=1, patient_id="A")), tmp_path / "archive/a")
    deflated = "1.2.840.10008.1.2.1.99"  # so that the files are small
    huge = make_series(SeriesSpec(seed=2, slices=24, study=2, patient_id="B", transfer_syntax=deflated))
    for dataset in huge.datasets:
        dataset.Rows = dataset.Columns = 4096
        dataset.PixelData = bytes(2 * 4096 * 4096)
    write_datasets(huge.datasets, tmp_path / "archive/b")
    cohort, *_ = ingest(tmp_path / "archive", store, tmp_path / "work")
    assert len(cohort.cases) == 1
    (lost,) = (entry for entry in cohort.entries if entry.verdict == "rejected")
    assert lost.rule == "a study can be processed"
    assert "run alone, needs more than 600 MiB of memory" in lost.evidence


def test_bad_sources_and_rules_are_one_clear_line(store, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no files"):
        ingest(tmp_path / "empty", store, tmp_path / "work")
    (tmp_path / "text").mkdir()
    (tmp_path / "text/README.md").write_text("no DICOM")
    with pytest.raises(InvalidInput, match="holds no DICOM"):
        ingest(tmp_path / "text", store, tmp_path / "work2")
    with pytest.raises(InvalidInput, match="select has no"):
        Select.of({"modalities": "CT"})
    with pytest.raises(InvalidInput, match="repairs are"):
        DicomConfig(repairs=("everything",))
    monkeypatch.delenv("MEDGANTRY_DEIDENTIFICATION_KEY")
    with pytest.raises(InvalidInput, match="needs a key"):
        names_for(DicomConfig().deidentify)


def test_the_budget_counts_what_was_not_left_out_by_the_rule(archive, store, tmp_path):
    folder, _ = archive
    with pytest.raises(TooManyRejected, match="may be rejected"):
        ingest(folder, store, tmp_path, select=Select(has="mask"), max_rejected=0.0)


def test_another_key_gives_other_names(archive, store, tmp_path, monkeypatch):
    folder, _ = archive
    first, *_ = ingest(folder, store, tmp_path / "a", select=Select(has="mask"))
    monkeypatch.setenv("MEDGANTRY_DEIDENTIFICATION_KEY", KEY[::-1])
    second, *_ = ingest(folder, store, tmp_path / "b", select=Select(has="mask"))
    assert not {case.group_id for case in first.cases} & {case.group_id for case in second.cases}
    assert json.loads((tmp_path / "a/planned/plan.json").read_text())["source"] != str(folder)


def test_the_odd_files_that_pydicom_ships_each_get_a_verdict(store, tmp_path):
    folder = Path(pydicom.__file__).parent / "data/test_files"
    cohort, plan, _, _ = ingest(
        folder,
        store,
        tmp_path,
        shards=3,
        labels={"any": "."},
        select=Select(modality=("CT", "MR", "PT", "US")),
    )
    assert len(plan.parts) == 3
    assert cohort.cases
    assert all(entry.rule for entry in cohort.entries)
    assert all(entry.remedy for entry in cohort.entries if entry.verdict == "rejected")
    crashed = [entry for entry in cohort.entries if entry.rule == "a study can be processed"]
    assert not crashed
