"""Data and attrition: from what entered to what was judged."""

from collections import Counter
from collections.abc import Sequence

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.cohort.cohort import SPLITS
from medgantry.evaluation.report.digits import share
from medgantry.ledger import Entry
from medgantry.page import table

_MOST_REJECTED = 200
_VERDICTS = ("ok", "repaired", "excluded", "rejected")


def data_section(cohort: Cohort, bundle: Bundle, entries: Sequence[Entry]) -> list[str]:
    """Cases per side and class, verdicts per step, and every rejected item with its reason."""
    everything = [*cohort.entries, *entries]
    rejected = [
        [entry.item, entry.step, f"{entry.rule}: {entry.evidence}", entry.remedy]
        for entry in everything
        if entry.verdict == "rejected"
    ]
    more = f"<p>and {len(rejected) - _MOST_REJECTED} more, in the ledger.</p>"
    return [
        "<h2>Data</h2>",
        _sides(cohort, bundle),
        "<h3>Attrition</h3>",
        _attrition(everything),
        "<h3>Rejected</h3>" if rejected else "",
        table(["item", "step", "why", "remedy"], rejected[:_MOST_REJECTED]) if rejected else "",
        more if len(rejected) > _MOST_REJECTED else "",
    ]


def _attrition(entries: Sequence[Entry]) -> str:
    """Verdicts of each step, in the order of the steps."""
    counts = Counter((entry.step, str(entry.verdict)) for entry in entries)
    verdicts = [verdict for verdict in _VERDICTS if any(found == verdict for _, found in counts)]
    rows = [
        [step, *[str(counts[step, verdict]) for verdict in verdicts]]
        for step in dict.fromkeys(entry.step for entry in entries)
    ]
    return table(["step", *verdicts], rows, right=range(1, len(verdicts) + 1))


def _sides(cohort: Cohort, bundle: Bundle) -> str:
    """Cases and groups per side; with classes, how often each is there."""
    names = [name for name in SPLITS if cohort.side(name)] if cohort.is_split else [""]
    cases = {name: [case for case in cohort.cases if case.split == name or not name] for name in names}
    rows = [
        ["cases", *[str(len(cases[name])) for name in names]],
        ["groups", *[str(len({case.group_id for case in cases[name]})) for name in names]],
    ]
    for label in bundle.outputs if bundle.task == "classification" else ():
        counts = [sum(case.targets.get(bundle.target) == label for case in cases[name]) for name in names]
        rows.append(
            [
                f"of class {label}",
                *[_part(n, len(cases[name])) for n, name in zip(counts, names, strict=True)],
            ]
        )
    return table(["", *[name or "all" for name in names]], rows, right=range(1, len(names) + 1))


def _part(count: int, total: int) -> str:
    return f"{count} ({share(count / total)})"
