"""Whether what was measured is good enough: thresholds on what salmon says of each sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.features.expression.quantification.salmon import Quality
from medgantry.ledger import Entry

STEP = "merge_expression"


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a sample must reach.

    Raises:
        InvalidInput: If a threshold makes no sense.
    """

    min_pairs: int
    """Pairs that are of a transcript."""
    min_mapped: float
    """Their share of all pairs, 0 to 1."""

    def __post_init__(self) -> None:
        if self.min_pairs < 0 or not 0 <= self.min_mapped <= 1:
            raise InvalidInput(
                f"Wanted min_pairs of 0 or more and min_mapped of 0 to 1, got {self.min_pairs} and {self.min_mapped}."
            )


@dataclass(frozen=True, kw_only=True)
class Quantified:
    """What one task made of a sample."""

    subject: str
    uri: str
    """Its transcripts in the store."""
    sha256: str
    quality: Quality


def judge(
    results: Sequence[Mapping[str, Any]], thresholds: Thresholds
) -> tuple[list[Quantified], list[Entry]]:
    """Samples that can be used, and a verdict about each.

    Args:
        results: What the tasks returned.
        thresholds: What a sample must reach.
    """
    accepted: list[Quantified] = []
    entries: list[Entry] = []
    for result in results:
        subject = str(result["subject"])
        if "rejected" in result:
            entries.append(
                Entry(item=subject, step="quantify_expression", verdict="rejected", **result["rejected"])
            )
            continue
        quality = Quality(**result["quality"])
        entry = _judge(subject, quality, thresholds)
        entries.append(entry)
        if entry.verdict == "ok":
            accepted.append(
                Quantified(subject=subject, uri=result["uri"], sha256=result["sha256"], quality=quality)
            )
    return accepted, entries


def _judge(subject: str, quality: Quality, thresholds: Thresholds) -> Entry:
    evidence = (
        f"{quality.mapped:,} of {quality.pairs:,} pairs map ({quality.share_mapped:.1%}), library {quality.library}, "
        f"fragments of {quality.fragment_mean:.0f} ± {quality.fragment_sd:.0f} bases"
    )
    if quality.mapped < thresholds.min_pairs:
        rule, remedy = f"at least {thresholds.min_pairs:,} pairs map", "Sequence deeper, or lower min_pairs."
    elif quality.share_mapped < thresholds.min_mapped:
        rule, remedy = (
            f"at least {thresholds.min_mapped:.0%} of the pairs map",
            "Look for another species, contamination or ribosomal RNA.",
        )
    else:
        return Entry(
            item=subject, step=STEP, verdict="ok", rule="the sample reaches the thresholds", evidence=evidence
        )
    return Entry(item=subject, step=STEP, verdict="rejected", rule=rule, evidence=evidence, remedy=remedy)
