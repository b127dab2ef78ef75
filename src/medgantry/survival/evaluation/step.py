"""The step `evaluate_survival`."""

from collections.abc import Sequence
from pathlib import Path

from medgantry.evaluation.champion import model_folder, read_champion
from medgantry.evaluation.evaluation import Evaluation
from medgantry.features.table import FeatureTable
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.steps import reuse_or_build, run_id, step
from medgantry.storage import ObjectStore
from medgantry.survival.evaluation.comparison import Champion
from medgantry.survival.evaluation.horizons import chosen_horizons
from medgantry.survival.evaluation.judging import judge
from medgantry.survival.evaluation.report.report import write_report
from medgantry.survival.evaluation.subgroups import table_groups
from medgantry.survival.model import SurvivalModel
from medgantry.tracking import TrackedRun

STEP = "evaluate_survival"
HEADLINES = ("uno_c", "scaled_brier", "pooled_minus_best_single")
"""Metrics that the record of a run shows; the others are in the evaluation."""


def evaluate_survival_step(
    folder: Path,
    features_folder: Path,
    champion_folder: Path | None,
    output: Path,
    report: Path,
    *,
    horizons: str,
) -> dict[str, float]:
    """Evaluate; returns every estimate by the name `<metric>_<candidate>`, for KFP's Metrics."""
    with step(STEP) as record:
        candidate, features = SurvivalModel.open(folder), FeatureTable.open(features_folder)
        candidate.predictions.check_table(features.content_hash)
        days = chosen_horizons(horizons, candidate.predictions)
        champion = _champion(champion_folder, candidate)
        key = _key(candidate, champion, days)

        def build(folder: Path) -> None:
            _evaluate(candidate, features, champion, days, key, folder)

        prefix = f"evaluations/{key}"
        reuse_or_build(record, ObjectStore.from_environment(), prefix, output, build)
        evaluation = Evaluation.open(output)
        report.write_bytes((output / "report.html").read_bytes())
        _track(evaluation, output, prefix)
        scores = [
            {"metric": metric, "of": name, **value}
            for metric, name, value in evaluation.scores()
            if metric in HEADLINES
        ]
        record.facts = {"outcomes": evaluation.metrics["outcomes"], "evaluation": key, "scores": scores}
        return evaluation.estimates()


def _evaluate(
    candidate: SurvivalModel,
    features: FeatureTable,
    champion: Champion | None,
    days: Sequence[float],
    key: str,
    folder: Path,
) -> None:
    groups = table_groups(features)
    evaluation = judge(
        candidate.predictions,
        key=key,
        model_hash=candidate.model_hash,
        horizons=days,
        groups=groups,
        champion=champion,
    )
    evaluation.save(folder)
    write_report(folder / "report.html", evaluation, features, candidate)


def _champion(folder: Path | None, candidate: SurvivalModel) -> Champion | None:
    """Who to compare with; nobody where the candidate is the champion already."""
    found = read_champion(folder) if folder else None
    if folder is None or found is None:
        return None
    theirs = SurvivalModel.open(model_folder(folder))
    if theirs.model_hash == candidate.model_hash:
        return None
    return Champion(version=found[1], model_hash=theirs.model_hash, predictions=theirs.predictions)


def _key(candidate: SurvivalModel, champion: Champion | None, days: Sequence[float]) -> str:
    """Hash of everything that decides an evaluation."""
    beside = [champion.version, champion.model_hash] if champion else []
    return hash_value([candidate.model_hash, beside, list(days), code_fingerprint()])


def _track(evaluation: Evaluation, output: Path, prefix: str) -> None:
    tracked = TrackedRun(run_id())
    values = {f"cv_{name}": value for name, value in evaluation.estimates().items()}
    limits = {
        f"cv_{metric}_{name}_{end}": value[end]
        for metric, name, value in evaluation.scores()
        for end in ("low", "high")
    }
    tracked.metrics(values | limits)
    facts = {"subjects": evaluation.metrics["cases"], "split_hash": evaluation.split_hash}
    tracked.dataset("features-cross-validation", evaluation.cohort_hash, prefix, facts)
    tracked.artifacts([output / "report.html", output / "metrics.json"], "evaluation")
