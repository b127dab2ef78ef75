"""An ensemble, judged beside its own members."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pyarrow.parquet as pq
import pytest

from medgantry.bundles.bundle import PROVENANCE
from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.evaluate import evaluate
from medgantry.evaluation.evaluation import Evaluation
from medgantry.serving.answers.segmentation import SegmentationAnswers
from medgantry.serving.exchange import Asked, Given, wanted_outputs
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.references import References
from medgantry.serving.limits import Limits
from medgantry.statistics.mean import clustered_mean
from medgantry.steps import StepRecord
from tests.medgantry.brightness import make_bundle, make_cohort, make_ensemble

STEP = StepRecord(step="evaluate")


def judged(cohort, bundle, folder: Path, champion=None) -> Evaluation:
    evaluate(cohort, bundle, champion, folder, split="test", seed=0, record=STEP)
    return Evaluation.open(folder)


def test_the_gain_over_the_mean_member_is_paired(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=12)
    bundle = make_ensemble(tmp_path / "b", cohort)
    found = judged(cohort, bundle, tmp_path / "e")
    gain = found.metrics["ensemble_gain"]["mean"]
    assert gain["low"] > 0
    assert (gain["n"], gain["groups"]) == (12, 12)
    assert found.estimates()["ensemble_gain_mean"] == gain["estimate"]
    rows = pq.read_table(tmp_path / "e/cases.parquet").to_pylist()
    alone = np.array([row["member_dice"] for row in rows])
    assert alone.shape == (12, 3)
    differences = [row["dice"] - np.mean(row["member_dice"]) for row in rows]
    assert gain == clustered_mean(differences, [row["group_id"] for row in rows]).document()
    for number, member in enumerate(np.eye(3)):
        single = make_bundle(tmp_path / f"single-{number}", cohort, looks_at=member.tolist())
        rows = judged(cohort, single, tmp_path / f"e-{number}").rows
        np.testing.assert_array_equal([row["dice"] for row in rows], alone[:, number])
        assert found.metrics["members"][number]["estimate"] == pytest.approx(alone[:, number].mean())
    report = (tmp_path / "e/report.html").read_text()
    assert "Ensemble&#x27;s gain" in report or "Ensemble's gain" in report
    assert "3 members, mean" in report


def test_one_network_has_no_gain(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=3)
    flips = make_ensemble(
        tmp_path / "f", cohort, members=[(1, 0, 0)], weights=[1], test_time_augmentation="flips"
    )
    for bundle in (make_bundle(tmp_path / "b", cohort), flips):
        found = judged(cohort, bundle, tmp_path / f"e-{bundle.folder.name}")
        assert "ensemble_gain" not in found.metrics
        assert "member_dice" not in found.rows[0]


def test_an_ensemble_beside_a_champion(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=12)
    single, ensemble = make_bundle(tmp_path / "b", cohort), make_ensemble(tmp_path / "c", cohort)
    better = judged(cohort, ensemble, tmp_path / "e", Champion(name="m", version=1, bundle=single))
    assert better.metrics["comparison"]["difference"]["low"] > 0
    worse = judged(cohort, single, tmp_path / "f", Champion(name="m", version=1, bundle=ensemble))
    assert worse.metrics["comparison"]["difference"]["high"] < 0


def test_an_ensemble_of_folds_is_judged_on_test_alone(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=2)
    bundle = make_ensemble(tmp_path / "b", cohort)
    (bundle.folder / PROVENANCE).write_text(json.dumps({**bundle.provenance, "folds": [{}]}))
    with pytest.raises(Mismatch, match="ensemble of folds"):
        evaluate(cohort, bundle, None, tmp_path / "e", split="validation", seed=0, record=STEP)
    evaluate(cohort, bundle, None, tmp_path / "f", split="test", seed=0, record=STEP)
    names = set(cohort.side("test"))
    other = replace(
        cohort,
        external=True,
        cases=[case for case in cohort.cases if case.case_id in names],
        files=[file for file in cohort.files if file.case_id in names],
    )
    evaluate(other, bundle, None, tmp_path / "g", split="validation", seed=0, record=STEP)


def test_an_endpoint_answers_with_the_uncertainty_where_there_is_one(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=1)
    (case_id,) = cohort.side("test")
    images = [file for file in cohort.files_of[case_id] if file.role == "image"]
    inputs = [Given(name=file.channel, values=[file.uri]) for file in images]
    references = References(sources=[store.uri("").rstrip("/")], targets=[])

    def asked(bundle, scratch):
        answers = SegmentationAnswers(bundle, Receiver(Limits(), references))
        request = Asked(inputs=inputs, outputs=["label_map_nifti", "uncertainty_nifti"])
        scratch.mkdir()
        found = answers.answer(request, wanted_outputs(request, answers), scratch).outputs
        return [nibabel.load(found[name].paths[0]) for name in request.outputs]

    labels, unsure = asked(make_ensemble(tmp_path / "b", cohort), tmp_path / "request")
    assert np.asanyarray(unsure.dataobj).dtype == np.float32
    assert set(np.unique(labels.dataobj)) == {0, 2}
    with pytest.raises(InvalidInput, match="uncertainty_nifti"):
        asked(make_bundle(tmp_path / "c", cohort), tmp_path / "other")
