"""The report: one HTML file that needs nothing else."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from medgantry.ledger import Entry

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2733}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #d5dde5;text-align:left}
h1,h2{font-weight:600}code{font-size:.85em;word-break:break-all}img{max-width:100%}"""


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
        f"<h1>{escape(title)}</h1>",
        "<p>Research use. Not a medical device.</p>",
        "<h2>Dice on the test cases, in source geometry</h2>",
        _table(
            ["region", "mean", "95 % interval", "n", "untrained", "best threshold", "empty references"], rows
        ),
        f"<p>Empty labels: {escape(metrics['empty_policy'])}. Intervals: bootstrap over patients.</p>",
        "<h2>Attrition</h2>",
        _table(["step", "verdict", "cases"], [[*key, str(n)] for key, n in sorted(attrition.items())]),
        _table(["case", "step", "rule", "evidence", "remedy"], rejected) if rejected else "",
        "<h2>Cases</h2>",
        *[f'<p><img alt="{escape(p.stem)}" src="{_inline(p)}"></p>' for p in pictures],
        "<h2>Provenance</h2>",
        _table(["what", "hash"], [[name, value] for name, value in hashes.items()]),
    ]
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><body>{''.join(body)}</body></html>"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
