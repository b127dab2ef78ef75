"""Reference of phantom volumes and photos, beside what their files say themselves."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medgantry import ledger
from medgantry.cohort import Cohort
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.errors import InvalidCohort
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.monitoring.reference import Reference, make_reference, reference_key
from medgantry.steps import StepRecord
from medgantry.storage.files import Source
from pipelines.brain_tumor_segmentation.pipeline import REGIONS


@pytest.fixture
def cohort(store, phantoms, tmp_path) -> Cohort:
    config = IngestConfig(regions=json.loads(REGIONS), labels={}, max_rejected=0.0)
    source = Source(str(phantoms), tmp_path / "scratch")
    found = ingest(source, read_layout(source, config), config, store)
    return split_cohort(found, SplitConfig(validation=0.25, test=0.25))


def make(cohort: Cohort, folder: Path) -> Reference:
    folder.mkdir()
    make_reference(cohort, folder, StepRecord(step="test"))
    return Reference.open(folder)


def test_each_training_case_gives_geometry_intensities_and_volumes(cohort, phantoms, tmp_path):
    reference = make(cohort, tmp_path / "reference")
    train = cohort.side("train")
    everything = max(cohort.regions, key=lambda name: len(cohort.regions[name]))
    assert len(reference.observations) == len(train) == 4
    assert reference.sources == {"cohort": cohort.cohort_hash, "split": cohort.split_hash}
    assert reference.answers == "label"
    for case_id, seen in zip(train, reference.observations, strict=True):
        image = nibabel.load(phantoms / "imagesTr" / f"{case_id}.nii.gz")
        flair = image.get_fdata()[..., 0]
        assert seen.inputs["FLAIR size of axis 3"] == image.shape[2]
        assert seen.inputs["T2w spacing of axis 1, mm"] == pytest.approx(image.header.get_zooms()[0])
        assert seen.inputs["FLAIR intensity at 50%"] == pytest.approx(np.median(flair[flair != 0]))
        labels = nibabel.load(phantoms / "labelsTr" / f"{case_id}.nii.gz")
        voxel_ml = abs(np.linalg.det(labels.affine[:3, :3])) / 1000
        whole = np.count_nonzero(labels.get_fdata()) * voxel_ml
        assert seen.outputs[f"volume of {everything}, ml"] == pytest.approx(whole)
        assert case_id not in json.dumps(vars(seen))


def test_a_case_that_fails_is_in_the_ledger_and_stops_nobody(cohort, tmp_path):
    broken = cohort.side("train")[0]
    files = [replace(f, uri="s3://medgantry/gone") if f.case_id == broken else f for f in cohort.files]
    reference = make(replace(cohort, files=files), tmp_path / "reference")
    assert len(reference.observations) == 3
    entries = {entry.item: entry.verdict for entry in ledger.read(tmp_path / "reference/ledger.parquet")}
    assert entries == {**dict.fromkeys(cohort.side("train"), "ok"), broken: "rejected"}


def test_without_any_case_it_says_why(cohort, tmp_path):
    files = [replace(file, role="fixed") for file in cohort.files]
    with pytest.raises(InvalidCohort, match=r"None of 4 training cases .* no file of role image"):
        make(replace(cohort, files=files), tmp_path / "reference")


def test_one_case_of_a_group_counts_and_all_sides_of_a_cohort_without_a_split(cohort, tmp_path):
    cases = [
        replace(case, split="", group_id=f"g{index // 2}")
        for index, case in enumerate(sorted(cohort.cases, key=lambda case: case.case_id))
    ]
    assert len(make(replace(cohort, cases=cases), tmp_path / "reference").observations) == len(cases) / 2


def test_predictions_are_the_better_reference_for_answers(cohort, tmp_path):
    labels = {file.case_id: file for file in cohort.files if file.role == "label"}
    first, second = cohort.side("train")[:2]
    other = replace(labels[second], case_id=first, role="prediction")
    predicted = replace(cohort, files=[*cohort.files, other])
    by_label, by_prediction = make(cohort, tmp_path / "a"), make(predicted, tmp_path / "b")
    assert by_prediction.answers == "prediction"
    assert by_prediction.observations[0].outputs == by_label.observations[1].outputs
    assert by_prediction.observations[1].outputs == {}
    assert reference_key(predicted) != reference_key(cohort)
