"""Evaluation of a bundle on source files, beside the champion."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry import ledger
from medgantry.bundles import Bundle
from medgantry.cohort import Case, Cohort
from medgantry.each_case import for_each_case
from medgantry.errors import InvalidBundle, InvalidCohort
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.classification.judge import ClassificationJudge
from medgantry.evaluation.comparison import compare, is_same, why_incomparable
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.independence import check_independent, check_side, unseen
from medgantry.evaluation.judge import Judge
from medgantry.evaluation.measures import Rows
from medgantry.evaluation.pictures import draw_pictures
from medgantry.evaluation.registration.judge import RegistrationJudge
from medgantry.evaluation.report.report import write_report
from medgantry.evaluation.segmentation.judge import SegmentationJudge
from medgantry.evaluation.subgroups import subgroup_table, subgroups
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.steps import StepRecord

STEP = "evaluate"
_REFERENCES = {"segmentation": {"label"}, "registration": {"fixed_mask", "fixed_keypoints"}}
"""Roles of the files that an answer can be held against; of a classification it is a target of the case."""


def evaluation_key(
    cohort: Cohort, bundle: Bundle, champion: Champion | None, *, split: str, seed: int
) -> str:
    """Hash of everything that decides an evaluation; being champion already decides nothing."""
    beside = []
    if champion and not is_same(bundle, champion):
        beside = [champion.version, champion.bundle.model_hash]
    return hash_value(
        [
            bundle.model_hash,
            cohort.cohort_hash,
            cohort.split_hash,
            beside,
            split,
            seed,
            code_fingerprint(),
        ]
    )


def evaluate(
    cohort: Cohort,
    bundle: Bundle,
    champion: Champion | None,
    folder: Path,
    *,
    split: str,
    seed: int,
    record: StepRecord,
) -> Evaluation:
    """Predict every case of a side, score it against its reference, and write the evidence.

    Args:
        cohort: With the split the model was trained with, or external (then every case counts).
        bundle: Trained.
        champion: Judged on those of the cases that are new to it; None where there is none.
        folder: Gets metrics.json, cases.parquet, champion_cases.parquet, ledger.parquet, predictions/, pictures/,
            report.html.
        split: The side to judge on.
        seed: Of the untrained network that learning is compared with.
        record: The step's record.

    Raises:
        Mismatch: If the model may have seen these cases.
        InvalidCohort: If the side has no case with a reference, or none could be judged.
    """
    check_independent(cohort, bundle)
    check_side(cohort, bundle, split)
    bundle.check_cohort(cohort)
    cases = _with_reference(cohort, bundle, split)
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    judge = _judge_of(cohort, bundle, seed)
    rows, entries = _judge_all(judge, cases, folder / "predictions", record)
    scored = {row["case_id"] for row in rows}
    judged = [case for case in cases if case.case_id in scored]
    groups = subgroups(judged, target=bundle.target if bundle.task == "classification" else "")
    champion_rows, comparison = _beside(cohort, judged, bundle, champion, judge, rows, groups, record)
    evaluation = Evaluation(
        key=evaluation_key(cohort, bundle, champion, split=split, seed=seed),
        task=bundle.task,
        cohort_hash=cohort.cohort_hash,
        split_hash=cohort.split_hash,
        weights_hash=bundle.weights_hash,
        split="" if cohort.external else split,
        primary=judge.measures.primary,
        metrics={
            **judge.measures.summarise(rows),
            **judge.extras(),
            "cases": len(judged),
            "external": cohort.external,
            "subgroups": subgroup_table(groups, rows, judge.measures.overall),
            "comparison": comparison,
        },
        rows=rows,
        champion_rows=champion_rows,
    )
    evaluation.save(folder)
    ledger.write(entries, folder / "ledger.parquet")
    pictures = draw_pictures(judge, rows, folder / "predictions", folder / "pictures")
    write_report(folder / "report.html", evaluation, cohort, bundle, entries, pictures)
    return evaluation


def _with_reference(cohort: Cohort, bundle: Bundle, split: str) -> list[Case]:
    side = [case for case in cohort.cases if cohort.external or case.split == split]
    if bundle.task != "classification":
        wanted = _REFERENCES[bundle.task]
        side = [c for c in side if wanted & {file.role for file in cohort.files_of[c.case_id]}]
    if not side:
        raise InvalidCohort(f"No labelled case is on side {split!r}.", "Give it at least one group.")
    return sorted(side, key=lambda case: case.case_id)


def _judge_of(cohort: Cohort, bundle: Bundle, seed: int | None) -> Judge:
    if bundle.task == "classification":
        return ClassificationJudge(cohort, bundle)
    if bundle.task == "registration":
        return RegistrationJudge(cohort, bundle)
    return SegmentationJudge(cohort, bundle, untrained_seed=seed)


def _judge_all(
    judge: Judge, cases: Sequence[Case], answers: Path | None, record: StepRecord
) -> tuple[list[dict[str, Any]], list[ledger.Entry]]:
    """Rows of all cases; one that can't be judged is in the ledger instead."""
    rows: list[dict[str, Any]] = []

    def work(case_id: str) -> None:
        with TemporaryDirectory(prefix="medgantry-evaluate-") as scratch:
            rows.extend(judge.judge(case_id, Path(scratch), answers))

    entries = for_each_case(
        [case.case_id for case in cases],
        work,
        step=STEP,
        wanted="the case can be predicted and scored",
        done="predicted and scored",
        record=record,
    )
    if not rows:
        raise InvalidCohort(f"None of {len(cases)} cases could be judged: {entries[-1].evidence}.")
    return rows, entries


def _beside(
    cohort: Cohort,
    cases: Sequence[Case],
    bundle: Bundle,
    champion: Champion | None,
    judge: Judge,
    rows: Rows,
    groups: Mapping[tuple[str, str], set[str]],
    record: StepRecord,
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The champion's rows on the same cases, and the comparison; nothing where there is nobody to compare with."""
    if champion is None or is_same(bundle, champion):
        return [], None
    reason = why_incomparable(cohort, list(cases), bundle, champion)
    if not reason:
        try:
            beside = _judge_of(cohort, champion.bundle, None)
            found, _ = _judge_all(beside, unseen(cases, champion.bundle), None, record)
        except (InvalidBundle, InvalidCohort) as error:
            # A champion that has ceased to work must not keep candidates from being judged.
            reason = f"version {champion.version} does not work: {error.message}"
        else:
            return found, compare(judge.measures, rows, found, champion, groups)
    theirs = champion.bundle.model_hash
    return [], {"version": champion.version, "model_hash": theirs, "incomparable": reason}
