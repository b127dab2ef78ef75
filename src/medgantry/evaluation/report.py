"""The report: one HTML file that needs nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from medgantry.ledger import Entry
from medgantry.page import page, png_file, table


def write_report(
    path: Path,
    *,
    title: str,
    metrics: Mapping[str, Any],
    entries: Sequence[Entry],
    hashes: Mapping[str, str],
    pictures: Sequence[Path],
) -> None:
    """Write metrics with intervals, baselines, attrition, pictures and provenance as HTML."""
    dice = metrics["dice"]
    rows = [
        [
            region,
            f"{dice[region]['estimate']:.3f}",
            f"{dice[region]['low']:.3f} to {dice[region]['high']:.3f}",
            str(dice[region]["n"]),
            _number(metrics["untrained"].get(region)),
            _number(metrics["threshold"].get(region, {}).get("dice")),
            str(metrics["empty_references"].get(region, "")),
        ]
        for region in dice
    ]
    attrition = Counter((entry.step, entry.verdict) for entry in entries)
    rejected = [[e.item, e.step, e.rule, e.evidence, e.remedy] for e in entries if e.verdict == "rejected"]
    body = [
        "<p>Research use. Not a medical device.</p>",
        "<h2>Dice on the test cases, in source geometry</h2>",
        table(
            ["region", "mean", "95 % interval", "n", "untrained", "best threshold", "empty references"], rows
        ),
        f"<p>Empty labels: {escape(metrics['empty_policy'])}. Intervals: bootstrap over patients.</p>",
        "<h2>Attrition</h2>",
        table(["step", "verdict", "cases"], [[*key, str(n)] for key, n in sorted(attrition.items())]),
        table(["case", "step", "rule", "evidence", "remedy"], rejected) if rejected else "",
        "<h2>Cases</h2>",
        *[f"<p>{png_file(path)}</p>" for path in pictures],
        "<h2>Provenance</h2>",
        table(["what", "hash"], [[name, value] for name, value in hashes.items()]),
    ]
    path.write_text(page(title, body))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
