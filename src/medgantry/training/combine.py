"""The networks of a cross-validation's folds as one bundle: an ensemble."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import PROVENANCE, WEIGHTS
from medgantry.bundles.ensemble import Augmentation, Ensemble, Member, Rule
from medgantry.cohort import Cohort
from medgantry.errors import InvalidInput, Mismatch
from medgantry.fingerprint import canonical_json, hash_value
from medgantry.steps import step
from medgantry.storage.folders import replace_folder
from medgantry.training.calibrate import calibrate
from medgantry.training.history import HISTORY, History

_SHARED = ("cohort_hash", "shards_hash", "bundle_hash")
"""What the folds of one cross-validation have in common."""


def combine_folds_step(
    cohort_folder: Path,
    bundle_folders: Sequence[Path],
    output: Path,
    *,
    rule: Rule,
    test_time_augmentation: Augmentation,
) -> None:
    """Write the ensemble's bundle; the arguments are the component's."""
    with step("combine_folds") as record:
        cohort, bundles = Cohort.open(cohort_folder), [Bundle(folder) for folder in bundle_folders]
        made = combine_folds(
            cohort, bundles, output, rule=rule, test_time_augmentation=test_time_augmentation
        )
        record.facts = {
            "members": len(bundles),
            "rule": rule,
            "test_time_augmentation": test_time_augmentation,
            "scores": [_score(History.open(bundle.folder)) for bundle in bundles],
            "model_hash": made.model_hash,
        }


def combine_folds(
    cohort: Cohort,
    bundles: Sequence[Bundle],
    output: Path,
    *,
    rule: Rule = "mean",
    test_time_augmentation: Augmentation = "none",
) -> Bundle:
    """Make one bundle of several, one per fold; of one bundle without test-time augmentation, that bundle.

    Args:
        cohort: With the split that the folds divide.
        bundles: Trained on the folds, in their order.
        output: Where the ensemble appears; what is there is replaced.
        rule: How the members' answers become one; in `weighted`, a member weighs as much as its best validation score.
        test_time_augmentation: What each member is shown besides the case itself.

    Raises:
        Mismatch: If the bundles are not of one cross-validation of this cohort.
        InvalidInput: If their task or the rule does not let them answer together, or members are to be weighed and one of
            them has no validation score.
    """
    _check(cohort, bundles)
    beside = output.with_name(f".{output.name}.combining")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(bundles[0].folder, beside)
    if len(bundles) > 1 or test_time_augmentation != "none":
        _check_task(bundles[0], rule)
        histories = [History.open(bundle.folder) for bundle in bundles]
        for name in (WEIGHTS, HISTORY):
            (beside / name).unlink()
        for index, bundle in enumerate(bundles):
            shutil.copy(bundle.folder / WEIGHTS, beside / _weights_of(index))
            shutil.copy(bundle.folder / HISTORY, beside / f"history-{index}.json")
        weights = _weights(histories) if rule == "weighted" else [1 / len(bundles)] * len(bundles)
        members = [Member(weights=_weights_of(index), weight=weight) for index, weight in enumerate(weights)]
        Ensemble(members=members, rule=rule, test_time_augmentation=test_time_augmentation).save(beside)
        provenance = _provenance(cohort, bundles, histories)
        rows = [row for history in histories for row in history.validation]
        if bundles[0].task == "classification" and rows:
            # Of single members, each on cases that it was not trained on.
            provenance["calibration"] = calibrate(Bundle(beside), rows)
        (beside / PROVENANCE).write_text(canonical_json(provenance))
    replace_folder(beside, output)
    return Bundle(output)


def _check(cohort: Cohort, bundles: Sequence[Bundle]) -> None:
    if not bundles:
        raise InvalidInput("An ensemble needs at least one trained bundle, got none.")
    first = bundles[0].provenance
    kept_out = set(cohort.group_hashes(["test"]))
    for index, bundle in enumerate(bundles):
        found = bundle.provenance
        if not bundle.weights or not found:
            raise Mismatch(
                f"Bundle {index} was not trained by us.", "Train every fold with the component train."
            )
        if found["cohort_hash"] != cohort.cohort_hash:
            raise Mismatch(
                f"Bundle {index} was trained on cohort {found['cohort_hash'][:12]}, given was {cohort.cohort_hash[:12]}."
            )
        unlike = [name for name in _SHARED if found.get(name) != first.get(name)]
        if unlike:
            raise Mismatch(
                f"Bundles 0 and {index} differ in {unlike}, so they are not of one cross-validation.",
                "Train every fold with the same bundle and shards.",
            )
        leaked = kept_out & set(found["groups"])
        if leaked:
            raise Mismatch(
                f"Bundle {index} was trained on {len(leaked)} groups that are for test.",
                "Take folds of this cohort with take_fold, which leaves the test side alone.",
            )


def _check_task(bundle: Bundle, rule: Rule) -> None:
    if bundle.task == "registration":
        raise InvalidInput(
            "Displacement fields are not averaged; train a registration with one fold and no flips."
        )
    if bundle.task == "classification" and rule == "vote":
        raise InvalidInput("Only masks are voted on, not classes.", "Use the rule mean or weighted.")


def _provenance(cohort: Cohort, bundles: Sequence[Bundle], histories: Sequence[History]) -> dict[str, Any]:
    """That of the first member, with what belongs to the ensemble as a whole in its place."""
    known = [bundle.provenance for bundle in bundles]
    folds = [
        {"training": one["training"], "split_hash": one["split_hash"], "score": _score(history)}
        for one, history in zip(known, histories, strict=True)
    ]
    return {
        **known[0],
        "split_hash": cohort.split_hash,
        "training": hash_value([one["training"] for one in known]),
        "best_epoch": [one["best_epoch"] for one in known],
        "groups": sorted({group for one in known for group in one["groups"]}),
        "folds": folds,
    }


def _score(history: History) -> float | None:
    """The best epoch's validation score, higher being better; None without validation cases."""
    return history.best_metric if history.validation else None


def _weights(histories: Sequence[History]) -> list[float]:
    scores = [_score(history) for history in histories]
    known = [score for score in scores if score is not None and score > 0]
    if len(known) < len(scores):
        raise InvalidInput(
            f"Members are weighed by validation scores above 0; found {scores}.", "Use the rule mean."
        )
    return [score / sum(known) for score in known]


def _weights_of(index: int) -> str:
    return f"models/fold-{index}.pt"
