"""Evaluation of a registration bundle whose answer we know, on pairs in a real store."""

import csv
import json

import nibabel as nib
import numpy as np
import pytest
import torch

from medgantry.bundles import open_bundle
from medgantry.bundles.bundle import WEIGHTS
from medgantry.errors import InvalidCohort
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.evaluate import evaluate
from medgantry.evaluation.registration.measures import RegistrationMeasures
from medgantry.ingest.pairs.ingest import PairsConfig, ingest_pairs, read_pairs
from medgantry.registration import DisplacementNet
from medgantry.steps import StepRecord
from medgantry.storage.files import Source

SHAPE = (24, 20, 16)
NOTHING = "$lambda image, network: torch.zeros(1, 3, *image.shape[2:])"
RIGHT_8_MM = NOTHING.replace(")", ") + torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1, 1)", 1)
FOLDING = "$lambda image, network: -2 * torch.arange(float(image.shape[2])).reshape(1, 1, -1, 1, 1).expand(1, 3, *image.shape[2:])"


def make_bundle(folder, answer):
    """Whatever the network says, the inferer gives this answer, in voxels of 8 mm along R, A, S."""
    override = {"spacing": [8, 8, 8], "channels": 2, "depth": 1, "inferer": answer, "device": "cpu"}
    bundle = open_bundle("medgantry:lung_registration", json.dumps(override), folder)
    (folder / WEIGHTS).parent.mkdir(exist_ok=True)
    torch.save(DisplacementNet(channels=2, depth=1).state_dict(), folder / WEIGHTS)
    return bundle


def write_source(folder, pairs=3, masks=True, keypoints=True):
    """Boxes that move 8 mm to the right, in voxels of 4 mm; every second pair is stored with x and y turned around."""
    folder.mkdir()
    roles = ["fixed", "moving"]
    with (folder / "pairs.csv").open("w", newline="") as stream:
        columns = ["case_id", "group_id", *roles]
        columns += [f"{role}_mask" for role in roles] * masks + [
            f"{role}_keypoints" for role in roles
        ] * keypoints
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for number in range(pairs):
            sign = -1.0 if number % 2 else 1.0
            affine = np.diag([4.0 * sign, 4.0 * sign, 4.0, 1.0])
            rng, row = np.random.default_rng(number), {"case_id": f"p{number}", "group_id": f"g{number}"}
            image = rng.normal(-500, 100, SHAPE).astype(np.float32)
            mask = np.zeros(SHAPE, np.uint8)
            mask[8:14, 6:12, 4:10] = 1
            points = np.array([[9.0, 7.0, 5.0], [12.5, 10.25, 8.0]])
            step = int(2 * sign)
            for role, volume, marks, places in (
                ("fixed", image, mask, points),
                ("moving", np.roll(image, step, 0), np.roll(mask, step, 0), points + np.array([step, 0, 0])),
            ):
                nib.save(nib.Nifti1Image(volume, affine), folder / f"{number}-{role}.nii.gz")
                nib.save(nib.Nifti1Image(marks, affine), folder / f"{number}-{role}-mask.nii.gz")
                np.savetxt(folder / f"{number}-{role}.txt", places, delimiter=",")
                row[role] = f"{number}-{role}.nii.gz"
                row |= {f"{role}_mask": f"{number}-{role}-mask.nii.gz"} if masks else {}
                row |= {f"{role}_keypoints": f"{number}-{role}.txt"} if keypoints else {}
            writer.writerow(row)
    return folder


def make_cohort(store, folder, **what):
    config = PairsConfig(external=True)
    source = Source(str(write_source(folder / "source", **what)), folder / "scratch")
    return ingest_pairs(source, read_pairs(source, config), config, store)


def judge(cohort, bundle, folder, champion=None):
    return evaluate(
        cohort, bundle, champion, folder, split="test", seed=0, record=StepRecord(step="evaluate")
    )


def test_the_right_answer_is_right_before_and_after(store, tmp_path):
    cohort = make_cohort(store, tmp_path)
    found = judge(cohort, make_bundle(tmp_path / "b", RIGHT_8_MM), tmp_path / "e")
    assert (found.task, found.primary) == ("registration", ("mask_dice", "all"))
    for row in found.rows:
        assert row["mask_dice_before"] == pytest.approx(4 / 6)
        assert row["mask_dice"] == 1.0
        assert row["landmark_error_before_mm"] == pytest.approx(8.0)
        assert row["landmark_error_mm"] == pytest.approx(0.0, abs=1e-4)
        assert (row["folded_share"], row["sd_log_jacobian"]) == (0.0, pytest.approx(0.0, abs=1e-5))
    metrics = found.metrics
    assert metrics["mask_dice_gain"]["all"]["estimate"] == pytest.approx(1 / 3)
    assert metrics["landmark_gain_mm"]["all"]["estimate"] == pytest.approx(8.0, abs=1e-4)
    assert metrics["mask_dice"]["all"]["low"] < 1.0
    assert sorted(path.name for path in (tmp_path / "e/predictions").iterdir()) == [
        f"p{n}.nii.gz" for n in range(3)
    ]
    report = (tmp_path / "e/report.html").read_text()
    for text in (
        "Mask Dice before",
        "Landmark error, mm",
        "Folded share",
        "SDlogJ",
        "mask Dice 0.667 to 1.000",
    ):
        assert text in report
    assert report.count("<img") == 3


def test_folding_is_counted(store, tmp_path):
    found = judge(make_cohort(store, tmp_path, pairs=1), make_bundle(tmp_path / "b", FOLDING), tmp_path / "e")
    assert found.metrics["folded_share"]["all"]["estimate"] > 0.5


def test_a_candidate_is_compared_with_the_champion(store, tmp_path):
    cohort = make_cohort(store, tmp_path, pairs=12)
    champion = Champion(name="m", version=1, bundle=make_bundle(tmp_path / "old", NOTHING))
    bundle = make_bundle(tmp_path / "b", RIGHT_8_MM)
    (champion.bundle.folder / "provenance.json").write_text('{"groups": [], "split_hash": ""}')
    comparison = judge(cohort, bundle, tmp_path / "e", champion).metrics["comparison"]
    assert comparison["incomparable"] == ""
    assert comparison["difference"]["estimate"] == pytest.approx(1 / 3)
    assert comparison["champion"]["estimate"] == pytest.approx(2 / 3)


def test_without_masks_landmarks_decide(store, tmp_path):
    cohort = make_cohort(store, tmp_path, masks=False)
    found = judge(cohort, make_bundle(tmp_path / "b", RIGHT_8_MM), tmp_path / "e")
    assert found.primary == ("landmark_gain_mm", "all")
    assert found.metrics["landmark_gain_mm"]["all"]["estimate"] == pytest.approx(8.0, abs=1e-4)
    assert not any(name.startswith("mask_dice") for name in found.metrics)
    assert "Fall of the landmark error" in (tmp_path / "e/report.html").read_text()


def test_without_masks_and_landmarks_nothing_can_be_judged(store, tmp_path):
    cohort = make_cohort(store, tmp_path, masks=False, keypoints=False)
    with pytest.raises(InvalidCohort):
        judge(cohort, make_bundle(tmp_path / "b", RIGHT_8_MM), tmp_path / "e")


def test_what_one_group_or_no_case_defines_is_left_out():
    row = dict.fromkeys(("mask_dice", "mask_dice_before", "mask_dice_gain", "landmark_error_mm"))
    row |= dict.fromkeys(("landmark_error_before_mm", "landmark_gain_mm"))
    row |= {"case_id": "a", "group_id": "g", "folded_share": 0.0, "sd_log_jacobian": 0.1}
    found = RegistrationMeasures(has_masks=True).summarise([row])
    assert set(found) == {"folded_share", "definition"}
    assert RegistrationMeasures(has_masks=True).overall([row]) is None
