"""Data and attrition: from what entered to what was judged."""

from collections import Counter
from collections.abc import Sequence

from medgantry.cohort import Cohort
from medgantry.cohort.cohort import SPLITS
from medgantry.evaluation.evaluation import Evaluation
from medgantry.ledger import Entry
from medgantry.page import table

_MOST_REJECTED = 200


def data_section(cohort: Cohort, evaluation: Evaluation, entries: Sequence[Entry]) -> list[str]:
    """Cases per side and class, verdicts per step, and every rejected item with its reason."""
    everything = [*cohort.entries, *entries]
    attrition = Counter((entry.step, entry.verdict) for entry in everything)
    rejected = [
        [entry.item, entry.step, entry.rule, entry.evidence, entry.remedy]
        for entry in everything
        if entry.verdict == "rejected"
    ]
    where = "an external cohort" if evaluation.metrics["external"] else f"the {evaluation.split} side"
    more = f"<p>and {len(rejected) - _MOST_REJECTED} more, in the ledger.</p>"
    return [
        "<h2>Data</h2>",
        f"<p>Judged on {evaluation.metrics['cases']} cases of {where}.</p>",
        _sides(cohort),
        "<h3>Attrition</h3>",
        table(["step", "verdict", "items"], [[*key, str(n)] for key, n in sorted(attrition.items())]),
        table(["item", "step", "rule", "evidence", "remedy"], rejected[:_MOST_REJECTED]) if rejected else "",
        more if len(rejected) > _MOST_REJECTED else "",
    ]


def _sides(cohort: Cohort) -> str:
    """Cases and groups per side; with classes, how often each is there."""
    names = [name for name in SPLITS if cohort.side(name)] if cohort.is_split else [""]
    cases = {name: [case for case in cohort.cases if case.split == name] for name in names}
    rows = [
        ["cases", *[str(len(cases[name])) for name in names]],
        ["groups", *[str(len({case.group_id for case in cases[name]})) for name in names]],
    ]
    classes: list[str] = sorted(cohort.provenance.get("classes", []))
    for label in classes:
        counts = [sum(label in case.targets.values() for case in cases[name]) for name in names]
        rows.append([label, *[_share(n, len(cases[name])) for n, name in zip(counts, names, strict=True)]])
    return table(["", *[name or "all" for name in names]], rows)


def _share(count: int, total: int) -> str:
    return f"{count} ({count / total:.1%})" if total else "0"
