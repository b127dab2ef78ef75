"""The page about a window of requests, readable without anything else."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from medgantry.evaluation.report.bars import Scale
from medgantry.evaluation.report.digits import ABSENT, share
from medgantry.fingerprint import code_fingerprint
from medgantry.monitoring.comparison import Classes
from medgantry.monitoring.drift import LEAST, LEVEL, FeatureDrift
from medgantry.monitoring.finding import Finding
from medgantry.page import grouped_table, items, page, table

_LIMITS = (
    "Requests are taken for independent. Several of one patient make an alarm likelier than the level says.",
    "All windows of a model are compared with the same training cases, and each has its own chance of a false alarm.",
    "With many requests differences are found that do not matter: read how far it moved, not the p-value.",
    "No drift found is no proof that the model is right: only a reference standard for some requests shows that.",
)
_ANSWERS = {
    "prediction": "Volumes answered are compared with predictions for the training cases.",
    "label": "Volumes answered are compared with the training labels: a model that is biased differs without any drift.",
}
_CLASSES = "Classes answered are compared with the training diagnoses: a model that is biased differs without any drift."

_NAMED = 8
"""Numbers that the summary names; the table has all."""


def write_report(path: Path, finding: Finding) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        finding: What it is about.
    """
    body = [
        "<p class=note>For research. Not a medical device.</p>",
        *_summary(finding),
        *_features(finding),
        *_untested(finding.drift.untested),
        *_reading(finding),
        *_provenance(finding),
    ]
    path.write_text(page(f"Drift of {finding.model}", body), encoding="utf-8")


def _summary(finding: Finding) -> list[str]:
    window, drift = finding.window, finding.drift
    names = ", ".join(f"<b>{escape(feature.name)}</b>" for feature in drift.drifted[:_NAMED])
    names += f" and {len(drift.drifted) - _NAMED} more" if len(drift.drifted) > _NAMED else ""
    if not drift.judged:
        verdict = f"<b>Not judged</b>: {LEAST} inputs and {LEAST} training cases are needed at least."
    elif drift.drifted:
        verdict = f"<b>Drift</b>: {len(drift.drifted)} of {len(drift.features)} numbers differ from training: {names}."
    else:
        verdict = f"<b>No drift found</b> in {len(drift.features)} numbers."
    lines = [
        verdict,
        (
            f"{window.since:%Y-%m-%d %H:%M %Z} to {window.until:%Y-%m-%d %H:%M %Z}: <b>{len(window.records)} requests</b> "
            f"with {finding.inputs} different inputs; {_counted(finding.statuses())}."
        ),
        f"Compared with <b>{len(finding.reference.observations)} training cases</b>, one of each group or subject.",
    ]
    if window.lost:
        lines.append(f"<b>{window.lost} requests were not recorded</b> and are missing here.")
    if finding.rejected:
        lines.append(f"{finding.rejected} training cases could not be read; the ledger says why.")
    if len(finding.releases()) > 1:
        lines.append(
            f"{len(finding.releases())} releases answered: answers may differ because the model does."
        )
    return [f'<h2>Summary</h2><ul class="lead">{"".join(f"<li>{line}</li>" for line in lines)}</ul>']


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {escape(name)}" for name, count in sorted(counts.items())) or "none"


def _features(finding: Finding) -> list[str]:
    if not finding.drift.judged:
        return []
    groups = {
        "differ by more than chance": [_line(f) for f in finding.drift.features if f.drifted],
        "do not": [_line(f) for f in finding.drift.features if not f.drifted],
    }
    head = ["what", "training", "requests", "", "moved by", "p, corrected"]
    return [
        "<h2>Numbers of inputs and answers</h2>",
        (
            "<p class=note>Median, and the range from 5 to 95 %; the bars show the same, training above requests, on a scale of "
            "their own. Moved by: Wasserstein distance in standard deviations of training, where it has any spread; of classes the share that would have "
            "to change.</p>"
        ),
        grouped_table(
            head,
            {title: rows for title, rows in groups.items() if rows},
            raw=True,
            right=[4, 5],
            kind="tight",
        ),
    ]


def _line(feature: FeatureDrift) -> list[str]:
    moved = ABSENT if feature.effect is None else f"{feature.effect:.2f}"
    sides = (feature.reference, feature.requests)
    texts = [_classes(side) if feature.test == Classes.test else _range(side) for side in sides]
    p = "<0.001" if feature.adjusted < 0.001 else f"{feature.adjusted:.3f}"
    return [escape(feature.name), *texts, _bars(sides), moved, escape(p)]


def _range(side: Mapping[str, float]) -> str:
    missing = f"<br>missing in {share(side['missing'])}" if side["missing"] else ""
    if "estimate" not in side:
        return missing.removeprefix("<br>")
    low, middle, high = (f"{side[name]:.4g}" for name in ("low", "estimate", "high"))
    return f"{middle}<br><small>{low} to {high}</small>{missing}"


def _classes(side: Mapping[str, float]) -> str:
    return "<br>".join(f"{escape(name)} {share(value)}" for name, value in sorted(side.items()))


def _bars(sides: Sequence[Mapping[str, float]]) -> str:
    if not all("estimate" in side for side in sides):
        return ""
    scale = Scale(sides, sides[0]["estimate"])
    return "<br>".join(scale.draw(side) for side in sides)


def _untested(untested: Mapping[str, str]) -> list[str]:
    if not untested:
        return []
    return ["<h2>Not tested</h2>", table(["what", "why"], [[name, why] for name, why in untested.items()])]


def _reading(finding: Finding) -> list[str]:
    said = [
        (
            f"A window without drift raises a false alarm with a chance of at most {LEVEL:.0%}: two-sample Kolmogorov-Smirnov "
            "and chi-square tests, by permutation where values are few, corrected by Holm over all numbers."
        ),
        *([_ANSWERS[finding.reference.answers]] if finding.reference.answers else []),
        *([_CLASSES] if any(f.test == Classes.test for f in finding.drift.features) else []),
        *_LIMITS,
    ]
    return ["<h2>How to read this</h2>", items(said)]


def _provenance(finding: Finding) -> list[str]:
    rows = [
        *[[name, value or "none: all cases count"] for name, value in finding.reference.sources.items()],
        *[[f"release, {count} requests", release] for release, count in finding.releases().items()],
        ["report's code", code_fingerprint()],
    ]
    cells = [[escape(name), f"<code>{escape(value)}</code>"] for name, value in rows]
    return ["<h2>Provenance</h2>", table(["what", "SHA-256 or name"], cells, raw=True)]
