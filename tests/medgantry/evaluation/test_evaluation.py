import json
from dataclasses import replace
from pathlib import Path

import pytest

from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.bundle import PROVENANCE
from medgantry.cohort import Case, Cohort
from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.independence import check_independent, unseen


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return open_bundle("medgantry:brain_tumor_segmentation", "", tmp_path / "bundle")


def _cohort(*groups: str, external: bool = False) -> Cohort:
    sides = {} if external else {"a": "train", "b": "validation", "c": "test"}
    return Cohort(
        cases=[Case(case_id=f"case-{g}", group_id=g, split=sides.get(g, "")) for g in groups],
        files=[],
        entries=[],
        channels=["CT"],
        label_map={"background": 0, "lesion": 1},
        regions={"lesion": ["lesion"]},
        external=external,
    )


def _trained_on(cohort: Cohort, bundle: Bundle) -> Bundle:
    provenance = {
        "split_hash": cohort.split_hash,
        "groups": cohort.group_hashes(("train", "validation")),
    }
    (bundle.folder / PROVENANCE).write_text(json.dumps(provenance))
    return Bundle(bundle.folder)


def test_a_model_is_judged_on_the_split_it_was_trained_with(bundle: Bundle) -> None:
    cohort = _cohort("a", "b", "c")
    trained = _trained_on(cohort, bundle)
    check_independent(cohort, trained)
    moved = replace(
        cohort, cases=[replace(case, split="train") for case in cohort.cases[:2]] + [cohort.cases[2]]
    )
    with pytest.raises(Mismatch, match="split"):
        check_independent(moved, trained)


def test_an_external_cohort_shares_no_group_with_the_training(bundle: Bundle) -> None:
    trained = _trained_on(_cohort("a", "b", "c"), bundle)
    check_independent(_cohort("x", "y", external=True), trained)
    check_independent(_cohort("c", "x", external=True), trained)  # the test group was never trained on
    with pytest.raises(Mismatch, match=r"1 of its groups, such as \['b'\]"):
        check_independent(_cohort("b", "x", external=True), trained)


def test_a_foreign_model_needs_an_external_cohort(bundle: Bundle) -> None:
    with pytest.raises(Mismatch, match="external"):
        check_independent(_cohort("a", "b", "c"), bundle)
    check_independent(_cohort("x", external=True), bundle)


def test_cases_of_known_groups_are_not_new(bundle: Bundle) -> None:
    cohort = _cohort("a", "b", "c")
    trained = _trained_on(cohort, bundle)
    assert [case.group_id for case in unseen(cohort.cases, trained)] == ["c"]


def test_an_evaluation_comes_back_equal(tmp_path: Path) -> None:
    row = {"case_id": "c", "group_id": "g", "region": "WT", "dice": 0.5, "hd95_mm": None}
    interval = {"estimate": 0.5, "low": 0.4, "high": 0.6, "n": 1, "groups": 1, "method": "t"}
    metrics = {"dice": {"mean": interval}, "untrained": {"mean": 0.1}, "tolerance_mm": 2.0}
    hashes = dict.fromkeys(("key", "cohort_hash", "split_hash", "weights_hash"), "0" * 64)
    made = Evaluation(
        **hashes,
        task="segmentation",
        split="test",
        primary=["dice", "mean"],
        metrics=metrics,
        rows=[row],
        champion_rows=[row],
    )
    made.save(tmp_path / "evaluation")
    assert Evaluation.open(tmp_path / "evaluation") == made
    assert list(made.scores()) == [("dice", "mean", interval)]
    with pytest.raises(InvalidInput, match=r"metrics\.json is missing"):
        Evaluation.open(tmp_path)
