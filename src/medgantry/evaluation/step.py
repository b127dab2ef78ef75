"""The step `evaluate`."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluate import evaluate, evaluation_key
from medgantry.evaluation.evaluation import Evaluation, check_independent
from medgantry.steps import reuse_or_build, run_id, step
from medgantry.storage import ObjectStore
from medgantry.tracking import TrackedRun


def evaluate_step(
    cohort_folder: Path, bundle_folder: Path, output: Path, report: Path, *, split: str, seed: int
) -> dict[str, float]:
    """Evaluate; returns mean Dice per region and over regions, for KFP's Metrics."""
    with step("evaluate") as record:
        cohort, bundle = Cohort.open(cohort_folder), Bundle(bundle_folder)
        check_independent(cohort, bundle)
        prefix = f"evaluations/{evaluation_key(cohort, bundle, split=split, seed=seed)}"

        def build(folder: Path) -> None:
            evaluate(cohort, bundle, folder, split=split, seed=seed, record=record)

        reuse_or_build(record, ObjectStore.from_environment(), prefix, output, build)
        evaluation = Evaluation.open(output)
        report.write_bytes((output / "report.html").read_bytes())
        dice = {f"dice_{name}": value["estimate"] for name, value in evaluation.metrics["dice"].items()}
        tracked = TrackedRun(run_id())
        tracked.metrics({f"test_{name}": value for name, value in dice.items()})
        limits = {
            f"test_dice_{name}_{end}": value[end]
            for name, value in evaluation.metrics["dice"].items()
            for end in ("low", "high")
        }
        tracked.metrics(limits)
        facts = {"cases": evaluation.metrics["dice"]["mean"]["n"], "split_hash": evaluation.split_hash}
        tracked.dataset(f"cohort-{split}", evaluation.cohort_hash, prefix, facts)
        tracked.artifacts(sorted((output / "overlays").glob("*.png")), "overlays")
        tracked.artifacts([output / "report.html", output / "metrics.json"], "evaluation")
        record.facts = {"metrics": evaluation.metrics, "evaluation": evaluation.key}
        return dice
