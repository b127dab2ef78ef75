"""The step `evaluate`."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.champion import Champion
from medgantry.evaluation.evaluate import evaluate, evaluation_key
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.independence import check_independent
from medgantry.steps import reuse_or_build, run_id, step
from medgantry.storage import ObjectStore
from medgantry.tracking import TrackedRun


def evaluate_step(
    cohort_folder: Path,
    bundle_folder: Path,
    champion_folder: Path | None,
    output: Path,
    report: Path,
    *,
    split: str,
    seed: int,
) -> dict[str, float]:
    """Evaluate; returns every estimate by the name `<metric>_<of>`, for KFP's Metrics."""
    with step("evaluate") as record:
        cohort, bundle = Cohort.open(cohort_folder), Bundle(bundle_folder)
        champion = Champion.open(champion_folder) if champion_folder else None
        check_independent(cohort, bundle)
        prefix = f"evaluations/{evaluation_key(cohort, bundle, champion, split=split, seed=seed)}"

        def build(folder: Path) -> None:
            evaluate(cohort, bundle, champion, folder, split=split, seed=seed, record=record)

        reuse_or_build(record, ObjectStore.from_environment(), prefix, output, build)
        evaluation = Evaluation.open(output)
        report.write_bytes((output / "report.html").read_bytes())
        _track(evaluation, output, prefix)
        scores = [{"metric": metric, "of": name, **value} for metric, name, value in evaluation.scores()]
        record.facts = {"metrics": evaluation.metrics, "evaluation": evaluation.key, "scores": scores}
        return evaluation.estimates()


def _track(evaluation: Evaluation, output: Path, prefix: str) -> None:
    tracked = TrackedRun(run_id())
    tracked.metrics({f"test_{name}": value for name, value in evaluation.estimates().items()})
    limits = {
        f"test_{metric}_{name}_{end}": value[end]
        for metric, name, value in evaluation.scores()
        for end in ("low", "high")
    }
    tracked.metrics(limits)
    facts = {"cases": evaluation.metrics["cases"], "split_hash": evaluation.split_hash}
    side = evaluation.split or "external"
    tracked.dataset(f"cohort-{side}", evaluation.cohort_hash, prefix, facts)
    tracked.artifacts(sorted((output / "pictures").glob("*.png")), "overlays")
    tracked.artifacts([output / "report.html", output / "metrics.json"], "evaluation")
