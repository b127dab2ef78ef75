"""The step `merge_expression`, which runs where salmon is not installed."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from medgantry import ledger
from medgantry.documents import read_document
from medgantry.errors import Mismatch
from medgantry.features.expression.config import TPM, ExpressionConfig, Transform
from medgantry.features.expression.facts import note_features
from medgantry.features.expression.features import make_features
from medgantry.features.expression.gene_list import open_genes
from medgantry.features.expression.quantification.judge import STEP, Thresholds, judge
from medgantry.features.expression.quantification.merge import merge_samples
from medgantry.features.expression.quantification.plan import ExpressionPlan
from medgantry.features.expression.quantification.receipt import RECEIPT, RECEIPT_SCHEMA
from medgantry.features.expression.quantification.report import quality_page
from medgantry.features.expression.times import open_times
from medgantry.steps import run_id, step
from medgantry.tracking import TrackedRun


def merge_expression(
    plan_folder: Path,
    receipt_folders: Sequence[Path],
    outcomes_folder: Path | None,
    output: Path,
    abundances: Path,
    report: Path,
    *,
    genes: str,
    transform: str,
    min_pairs: int,
    min_mapped: float,
    max_rejected: float,
) -> None:
    """Fold the receipts into features of patients, with a report on quality."""
    with step(STEP) as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        config = ExpressionConfig(
            unit=TPM,
            transform=cast("Transform", transform),
            genes=open_genes(genes),
            max_rejected=max_rejected,
        )
        thresholds = Thresholds(min_pairs=min_pairs, min_mapped=min_mapped)
        made = ExpressionPlan.open(plan_folder)
        results = [
            result
            for folder in receipt_folders
            for result in read_document(folder / RECEIPT, RECEIPT_SCHEMA)["samples"]
        ]
        _check_complete(made, [str(result["subject"]) for result in results])
        accepted, verdicts = judge(results, thresholds)
        entries = [*made.entries, *verdicts]
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(quality_page(results, entries, thresholds, made.program))
        TrackedRun(run_id()).artifacts_as(report, "expression", "expression.html")
        record.use(f"expression/{made.spec}")
        record.verdicts = ledger.counts(entries)
        table = merge_samples(made, accepted, entries, abundances, Path(scratch))
        provenance = {"program": made.program, "index": made.index}
        features = make_features(table, config, open_times(outcomes_folder), provenance)
        features.save(output)
        note_features(record, features, config)


def _check_complete(plan: ExpressionPlan, subjects: Sequence[str]) -> None:
    planned = sorted(sample.subject for sample in plan.samples)
    if sorted(subjects) != planned:
        raise Mismatch(
            f"Each of {len(planned)} planned samples must come from one task, found {len(subjects)} results.",
            "Run the quantification again: finished samples are kept.",
        )
