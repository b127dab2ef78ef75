"""The page on quality: what was measured in whom, and why others are missing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from medgantry.features.expression.quantification.judge import Thresholds
from medgantry.features.expression.quantification.salmon import Quality
from medgantry.ledger import Entry, counts
from medgantry.page import items, page, table

_HEAD = ("patient", "pairs", "that map", "share", "library", "fragments, bases", "verdict")


def quality_page(
    results: Sequence[Mapping[str, Any]], entries: Sequence[Entry], thresholds: Thresholds, program: str
) -> str:
    """A page for people.

    Args:
        results: What the tasks returned.
        entries: Verdicts about all samples, those of the plan included.
        thresholds: What a sample had to reach.
        program: What counted the reads, with its version.
    """
    verdicts = {entry.item: entry.verdict for entry in entries}
    measured = {
        str(result["subject"]): Quality(**result["quality"]) for result in results if "quality" in result
    }
    libraries = Counter(quality.library for quality in measured.values())
    found = counts(entries)
    lead = [
        f"{found['ok']} of {sum(found.values())} samples can be used.",
        f"Thresholds: {thresholds.min_pairs:,} pairs that map, {thresholds.min_mapped:.0%} of all pairs.",
        "Libraries: "
        + (", ".join(f"{name} {count}" for name, count in libraries.most_common()) or "none")
        + ".",
    ]
    if len(libraries) > 1:
        lead.append("Libraries differ: samples were prepared in different ways, which shows in their values.")
    rows = [_row(subject, quality, verdicts[subject]) for subject, quality in sorted(measured.items())]
    lost = [
        [entry.item, entry.step, entry.rule, entry.evidence, entry.remedy]
        for entry in sorted(entries, key=lambda entry: entry.item)
        if entry.verdict == "rejected"
    ]
    body = [f'<div class="lead">{items(lead)}</div>', "<h2>Samples</h2>", table(_HEAD, rows, right=(1, 2, 3))]
    if lost:
        body += ["<h2>Rejected</h2>", table(("patient", "step", "rule", "evidence", "remedy"), lost)]
    body.append(
        f'<p class="note">{program}. Its results differ a little each time: what was kept first stands. '
        "TPM are shares of a sample's transcripts, and comparable neither with FPKM nor with other references.</p>"
    )
    return page("Gene expression", body)


def _row(subject: str, quality: Quality, verdict: str) -> list[str]:
    return [
        subject,
        f"{quality.pairs:,}",
        f"{quality.mapped:,}",
        f"{quality.share_mapped:.1%}",
        quality.library,
        f"{quality.fragment_mean:.0f} ± {quality.fragment_sd:.0f}",
        verdict,
    ]
