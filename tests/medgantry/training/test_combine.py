"""Folds as one bundle: what it says of itself, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE
from medgantry.cohort import Cohort
from medgantry.cohort.folds import take_fold
from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.independence import check_independent
from medgantry.fingerprint import canonical_json, hash_file
from medgantry.inference import Classifier, Segmenter
from medgantry.storage import ObjectStore
from medgantry.training.combine import combine_folds
from medgantry.training.history import History
from tests.medgantry import brightness, colours


@pytest.fixture
def cohort(store: ObjectStore, tmp_path: Path) -> Cohort:
    return brightness.make_cohort(store, tmp_path / "cases", test=2, train=3)


def trained(bundle: Bundle, cohort: Cohort, index: int, *, score: float = 0.5) -> Bundle:
    """As `train` leaves a fold's bundle."""
    fold = take_fold(cohort, folds=3, index=index, seed=0)
    rows = [{"case_id": case_id, "region": "ball", "dice": score} for case_id in fold.side("validation")]
    return describe(bundle, fold, index, rows, score)


def describe(bundle: Bundle, fold: Cohort, index: int, rows: list[dict], score: float) -> Bundle:
    history = History(points=[{"epoch": 0.0}], validation=rows, best_epoch=3 + index, best_metric=score)
    (bundle.folder / "history.json").write_text(canonical_json(history.document()))
    provenance = {
        **bundle.provenance,
        "cohort_hash": fold.cohort_hash,
        "split_hash": fold.split_hash,
        "shards_hash": "shards",
        "bundle_hash": "bundle",
        "groups": fold.group_hashes(("train", "validation")),
        "training": f"training-{index}",
        "best_epoch": 3 + index,
    }
    (bundle.folder / PROVENANCE).write_text(json.dumps(provenance))
    return Bundle(bundle.folder)


def three(folder: Path, cohort: Cohort, scores: tuple[float, ...] = (0.2, 0.3, 0.5)) -> list[Bundle]:
    weights = np.eye(3).tolist()
    return [
        trained(
            brightness.make_bundle(folder / f"{index}", cohort, looks_at=weights[index]),
            cohort,
            index,
            score=score,
        )
        for index, score in enumerate(scores)
    ]


def test_an_ensemble_of_three_folds(cohort: Cohort, tmp_path: Path) -> None:
    bundles = three(tmp_path, cohort)
    made = combine_folds(cohort, bundles, tmp_path / "made", rule="weighted", test_time_augmentation="flips")
    assert made.ensemble is not None
    assert made.ensemble.shares == pytest.approx([0.2, 0.3, 0.5])
    assert made.ensemble.test_time_augmentation == "flips"
    assert [hash_file(path) for path in made.weights_files] == [bundle.weights_hash for bundle in bundles]
    assert not (made.folder / "models/model.pt").exists()
    assert not (made.folder / "history.json").exists()
    found = made.provenance
    assert [fold["training"] for fold in found["folds"]] == ["training-0", "training-1", "training-2"]
    assert [fold["score"] for fold in found["folds"]] == [0.2, 0.3, 0.5]
    assert found["best_epoch"] == [3, 4, 5]
    assert found["groups"] == cohort.group_hashes(("train", "validation"))
    assert found["regions"] == {"ball": [brightness.BALL]}
    check_independent(cohort, made)
    images, _ = brightness.write_case(tmp_path, 7)
    wanted = brightness.make_ensemble(tmp_path / "wanted", weights=(2, 3, 5), rule="weighted")
    labels = [Segmenter(one).predict_case({"image": images}).labels for one in (made, wanted)]
    np.testing.assert_array_equal(*labels)


def test_a_mean_needs_no_scores_and_weights_do(cohort: Cohort, tmp_path: Path) -> None:
    bundles = three(tmp_path, cohort)
    history = History(points=[], best_epoch=3, best_metric=3.0)
    (bundles[1].folder / "history.json").write_text(canonical_json(history.document()))
    made = combine_folds(cohort, bundles, tmp_path / "made")
    assert made.ensemble is not None
    assert made.ensemble.shares == pytest.approx([1 / 3] * 3)
    assert [fold["score"] for fold in made.provenance["folds"]] == [0.2, None, 0.5]
    with pytest.raises(InvalidInput, match="validation scores above 0"):
        combine_folds(cohort, bundles, tmp_path / "weighted", rule="weighted")


def test_one_bundle_stays_what_it_was(cohort: Cohort, tmp_path: Path) -> None:
    (bundle, *_) = three(tmp_path, cohort)
    made = combine_folds(cohort, [bundle], tmp_path / "made")
    assert made.bundle_hash == bundle.bundle_hash
    mirrored = combine_folds(cohort, [bundle], tmp_path / "mirrored", test_time_augmentation="flips")
    assert mirrored.ensemble is not None
    assert len(mirrored.ensemble.members) == 1


def test_what_is_not_of_one_cross_validation_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    bundles = three(tmp_path, cohort)

    def refused(change: dict, match: str) -> None:
        path = bundles[1].folder / PROVENANCE
        kept = path.read_text()
        path.write_text(json.dumps({**json.loads(kept), **change}))
        with pytest.raises(Mismatch, match=match):
            combine_folds(cohort, bundles, tmp_path / "made")
        path.write_text(kept)

    refused({"cohort_hash": "another"}, "Bundle 1 was trained on cohort another")
    refused({"shards_hash": "another"}, r"Bundles 0 and 1 differ in \['shards_hash'\]")
    refused({"bundle_hash": "another"}, "differ in")
    refused({"groups": cohort.group_hashes(("train", "test"))}, "2 groups that are for test")
    with pytest.raises(InvalidInput, match="at least one"):
        combine_folds(cohort, [], tmp_path / "made")
    combine_folds(cohort, bundles, tmp_path / "made")


def test_an_ensemble_of_classifiers(store: ObjectStore, tmp_path: Path) -> None:
    """Its probabilities are the mean of its members', and its temperature is fitted on all cases that validated."""
    (tmp_path / "cases").mkdir()
    cohort = colours.make_cohort(store, tmp_path / "cases", test=1, train=6)
    bundles = []
    for index, noise in enumerate((0.0, 0.3, 0.9)):
        bundle = colours.make_bundle(tmp_path / f"{index}", cohort, noise=noise, sharpness=3)
        fold = take_fold(cohort, folds=3, index=index, seed=0)
        rows = [
            {"case_id": case_id, "class_index": number % 2, "logits": [3.0, 0.0]}
            for number, case_id in enumerate(fold.side("validation"))
        ]
        bundles.append(describe(bundle, fold, index, rows, 0.5))
    made = combine_folds(cohort, bundles, tmp_path / "made")
    temperature = made.provenance["calibration"]["temperature"]
    assert made.provenance["calibration"]["cases"] == 12
    assert made.inference_config["temperature"] == temperature != 1.0
    (photo,) = (tmp_path / "cases").glob("0-12.png")
    alone = []
    for bundle in bundles:
        logits = np.array(Classifier(bundle).predict_case({"image": photo}).logits)
        alone.append(np.exp(logits) / np.exp(logits).sum())
    found = Classifier(made).predict_case({"image": photo})
    mean = np.mean(alone, axis=0)
    np.testing.assert_allclose(np.exp(found.logits), mean, atol=1e-6)
    with pytest.raises(InvalidInput, match="Only masks are voted on"):
        combine_folds(cohort, bundles, tmp_path / "voting", rule="vote")
    cooled = mean ** (1 / temperature)
    np.testing.assert_allclose(found.probabilities, cooled / cooled.sum(), atol=1e-6)


def test_displacement_fields_do_not_answer_together(cohort: Cohort, tmp_path: Path) -> None:
    bundles = three(tmp_path, cohort)
    for bundle in bundles:
        path = bundle.folder / "configs/metadata.json"
        metadata = json.loads(path.read_text())
        metadata["network_data_format"]["outputs"]["pred"]["type"] = "displacement"
        path.write_text(json.dumps(metadata))
    with pytest.raises(InvalidInput, match="not averaged"):
        combine_folds(cohort, [Bundle(bundle.folder) for bundle in bundles], tmp_path / "made")


def test_a_fold_of_another_split_is_the_cohorts_own(cohort: Cohort, tmp_path: Path) -> None:
    """The ensemble is judged with the split that the folds divide, not with a fold's."""
    made = combine_folds(cohort, three(tmp_path, cohort), tmp_path / "made")
    assert made.provenance["split_hash"] == cohort.split_hash
    with pytest.raises(Mismatch):
        check_independent(take_fold(cohort, folds=3, index=0, seed=0), made)
    other = replace(cohort, cases=[replace(case, split="train") for case in cohort.cases])
    with pytest.raises(Mismatch):
        check_independent(other, made)
