"""Pairs from Learn2Reg's layout and from a CSV, sound and damaged, to a cohort in a real store."""

import csv
import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from medgantry.cohort import Cohort
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.errors import InvalidInput, TooManyRejected
from medgantry.ingest.pairs.ingest import PairsConfig, ingest_pairs, read_pairs
from medgantry.ingest.pairs.pair import ROLES
from medgantry.ingest.pairs.step import ingest_pairs_step
from medgantry.phantoms.lung_pairs import DAMAGES, write_pairs
from medgantry.storage.files import Source

SIZE = (34, 34, 32)
RULES = {
    "missing moving image": "every listed file exists",
    "empty mask": "a mask marks something",
    "moving image on another grid": "the files of a case have one shape",
    "truncated fixed image": "the gzip stream is whole",
}


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms")
    write_pairs(folder, pairs=8, damaged=4, size=SIZE)
    return folder


def ingest(source, store, tmp_path, **config):
    chosen = PairsConfig(**{"max_rejected": 0.5, **config})
    place = Source(str(source), tmp_path / "scratch")
    return ingest_pairs(place, read_pairs(place, chosen), chosen, store)


def table(folder, phantoms, numbers, **changes):
    """A CSV of sound pairs beside copies of their files; `changes` sets columns of the last line."""
    if not folder.exists():
        shutil.copytree(phantoms, folder)
        (folder / "LungPhantom_dataset.json").unlink()
    rows = []
    for number in numbers:
        stem = f"LungPhantom_{number:04d}"
        row = {"case_id": f"pair-{number}", "group_id": f"patient-{number}"}
        for role, state in (("fixed", "0000"), ("moving", "0001")):
            row[role] = f"imagesTr/{stem}_{state}.nii.gz"
            row[f"{role}_mask"] = f"masksTr/{stem}_{state}.nii.gz"
            row[f"{role}_keypoints"] = f"keypointsTr/{stem}_{state}.csv"
        rows.append(row)
    rows[-1] |= changes
    with (folder / "pairs.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["case_id", "group_id", *ROLES])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def verdict(cohort, item):
    (entry,) = [entry for entry in cohort.entries if entry.item == item]
    return entry.verdict, entry.rule


def test_learn2reg_gives_a_cohort_with_roles_and_a_verdict_for_every_damage(phantoms, store, tmp_path):
    cohort = ingest(phantoms, store, tmp_path)
    assert [case.case_id for case in cohort.cases] == [f"LungPhantom_000{n}_0000_0001" for n in (1, 2, 3, 4)]
    assert [case.group_id for case in cohort.cases] == [f"LungPhantom_000{n}" for n in (1, 2, 3, 4)]
    assert cohort.channels == ["CT"]
    files = {file.role: file for file in cohort.files_of[cohort.cases[0].case_id]}
    assert tuple(files) == ROLES
    assert files["moving"].channel == "CT"
    assert list(files["moving"].shape) == list(SIZE)
    assert files["fixed_keypoints"].format == "csv"
    for number, damage in enumerate(DAMAGES, start=5):
        assert verdict(cohort, f"LungPhantom_{number:04d}_0000_0001") == ("rejected", RULES[damage])


def test_the_cohort_is_saved_split_and_opened_again(phantoms, store, tmp_path):
    cohort = split_cohort(ingest(phantoms, store, tmp_path), SplitConfig(validation=0.25, test=0.25))
    cohort.save(tmp_path / "cohort")
    opened = Cohort.open(tmp_path / "cohort")
    assert opened.split_hash == cohort.split_hash
    assert {case.split for case in opened.cases} == {"train", "validation", "test"}


def test_a_table_says_what_learn2reg_says(phantoms, store, tmp_path):
    by_table = ingest(table(tmp_path / "t", phantoms, (1, 2)), store, tmp_path)
    by_list = ingest(phantoms, store, tmp_path)
    assert [case.group_id for case in by_table.cases] == ["patient-1", "patient-2"]
    wanted = {
        (f.role, f.sha256)
        for f in by_list.files
        if f.case_id.startswith(("LungPhantom_0001", "LungPhantom_0002"))
    }
    assert {(file.role, file.sha256) for file in by_table.files} == wanted


def test_masks_and_keypoints_are_optional(phantoms, store, tmp_path):
    source = table(tmp_path / "t", phantoms, (1,), **dict.fromkeys(ROLES[2:], ""))
    cohort = ingest(source, store, tmp_path)
    assert [file.role for file in cohort.files] == ["fixed", "moving"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"moving_mask": ""}, "a pair has masks and keypoints of both images or of none"),
        ({"fixed_keypoints": ""}, "a pair has masks and keypoints of both images or of none"),
        ({"fixed_mask": "", "moving_mask": ""}, "all pairs have masks when one has"),
        ({"moving": "imagesTr/LungPhantom_0007_0001.nii.gz"}, "the files of a case have one shape"),
        ({"moving_mask": "keypointsTr/LungPhantom_0001_0001.csv"}, "the file is readable NIfTI"),
        ({"moving_keypoints": "truth.json"}, "keypoints are numbers"),
        ({"moving_keypoints": "nowhere.csv"}, "every listed file exists"),
    ],
)
def test_one_bad_pair_is_a_verdict(phantoms, store, tmp_path, changes, rule):
    cohort = ingest(table(tmp_path / "t", phantoms, (1, 2), **changes), store, tmp_path)
    assert [case.case_id for case in cohort.cases] == ["pair-1"]
    assert verdict(cohort, "pair-2") == ("rejected", rule)


def test_another_origin_is_another_grid(phantoms, store, tmp_path):
    source = table(tmp_path / "t", phantoms, (1, 2))
    path = source / "imagesTr/LungPhantom_0002_0001.nii.gz"
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 0.5
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    found = verdict(ingest(source, store, tmp_path), "pair-2")
    assert found == ("rejected", "the files of a case lie on one grid")


@pytest.mark.parametrize(
    ("scale", "rule"),
    [(4.0, "fixed keypoints lie in the fixed image"), (np.nan, "keypoints are three finite numbers each")],
)
def test_keypoints_must_be_voxels_of_the_image(phantoms, store, tmp_path, scale, rule):
    source = table(tmp_path / "t", phantoms, (1, 2))
    path = source / "keypointsTr/LungPhantom_0002_0000.csv"
    np.savetxt(path, np.loadtxt(path, delimiter=",") * scale, delimiter=",")
    assert verdict(ingest(source, store, tmp_path), "pair-2") == ("rejected", rule)


def test_too_many_rejected_stop_and_are_named(phantoms, store, tmp_path):
    with pytest.raises(TooManyRejected, match="LungPhantom_0005_0000_0001"):
        ingest(phantoms, store, tmp_path, max_rejected=0.4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": {"0": "CT", "1": "MR"}}, "one modality"),
        ({"training_paired_images": []}, "must list pairs"),
        (
            {
                "training_paired_images": [
                    {"fixed": "./imagesTr/A_0001_0000.nii.gz", "moving": "./imagesTr/A_0002_0000.nii.gz"}
                ]
            },
            "one subject",
        ),
    ],
)
def test_a_list_that_is_no_list_of_pairs_is_refused(phantoms, store, tmp_path, change, message):
    document = json.loads((phantoms / "LungPhantom_dataset.json").read_text()) | change
    (tmp_path / "LungPhantom_dataset.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match=message):
        ingest(tmp_path, store, tmp_path)


def test_a_table_without_a_column_or_with_a_case_twice_is_refused(phantoms, store, tmp_path):
    source = table(tmp_path / "t", phantoms, (1, 1))
    with pytest.raises(InvalidInput, match="pair-1 twice"):
        ingest(source, store, tmp_path)
    (source / "pairs.csv").write_text("case_id,fixed,moving\n")
    with pytest.raises(InvalidInput, match="group_id"):
        ingest(source, store, tmp_path)


def test_the_step_reuses_what_was_read_before(phantoms, store, tmp_path):
    settings = {"source": str(phantoms), "source_md5": "", "config": PairsConfig(max_rejected=0.5)}
    ingest_pairs_step(tmp_path / "a", **settings)
    ingest_pairs_step(tmp_path / "b", **settings)
    assert json.loads(store.get_bytes("runs/test/steps/ingest_pairs.json"))["reused"]
    assert Cohort.open(tmp_path / "a").cohort_hash == Cohort.open(tmp_path / "b").cohort_hash
