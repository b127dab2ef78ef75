"""The quality report of an ingest: what came, what was left out and why, and what each case looks like."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from matplotlib.figure import Figure

from medgantry.cohort import Cohort
from medgantry.dicom.deidentification.profile import OPTIONS
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.page import page, png, table

_MOST_PICTURES = 300
"""A page of more would be too heavy to open."""
_NAMED = (
    ("ManufacturerModelName", "scanner"),
    ("ConvolutionKernel", "kernel"),
    ("Manufacturer", "manufacturer"),
)


def quality_page(cohort: Cohort, results: Sequence[Mapping[str, Any]], config: DicomConfig) -> str:
    """The report as one HTML page.

    Args:
        cohort: The cohort.
        results: Of every study.
        config: What was wanted.
    """
    series = sorted(
        (facts for result in results for facts in result["series"]), key=lambda facts: facts["case_id"]
    )
    attrition = Counter((entry.verdict, entry.rule) for entry in cohort.entries)
    refused = [
        [entry.item, entry.rule, entry.evidence, entry.remedy]
        for entry in cohort.entries
        if entry.verdict == "rejected"
    ]
    repaired = [[entry.item, entry.evidence] for entry in cohort.entries if entry.verdict == "repaired"]
    patients = {case.group_id for case in cohort.cases}
    body = [
        f"<p>{len(cohort.cases)} cases of {len(patients)} patients. Cohort <code>{cohort.cohort_hash[:16]}</code>.</p>",
        "<p>Research use. Not a medical device.</p>",
        "<h2>What became of everything that came</h2>",
        table(
            ["verdict", "rule", "items"],
            [[verdict, rule, str(count)] for (verdict, rule), count in sorted(attrition.items())],
        ),
        "<h2>Rejected</h2>",
        table(["item", "rule", "found", "remedy"], refused) if refused else "<p>Nothing.</p>",
        "<h2>Repaired</h2>",
        table(["case", "what was done"], repaired) if repaired else "<p>Nothing.</p>",
        "<h2>Series</h2>",
        png(_histograms(series), "distributions of spacing, slices and thickness"),
        *[table([title, "series"], _counted(facts[name] for facts in series)) for name, title in _NAMED],
        "<h2>Cases</h2>",
        *[_figure(facts) for facts in series[:_MOST_PICTURES]],
        f"<p>{len(series) - _MOST_PICTURES} more are not shown.</p>" if len(series) > _MOST_PICTURES else "",
        "<h2>De-identification</h2>",
        *_deidentification(results, config, cohort),
    ]
    return page("Quality of the cohort", body)


def _counted(values: Iterable[str]) -> list[list[str]]:
    return [[value or "not told", str(count)] for value, count in Counter(values).most_common()]


def _figure(facts: Mapping[str, Any]) -> str:
    spacing = " x ".join(f"{step:g}" for step in facts["spacing_mm"])
    labels = ", ".join(f"{name} {volume:g} ml" for name, volume in facts.get("labels_ml", {}).items())
    caption = f"{facts['case_id']}: {facts['slices']} x {facts['rows']} x {facts['columns']}, {spacing} mm. {labels}"
    return f"<figure>{png(facts['picture'], facts['case_id'])}<figcaption>{escape(caption)}</figcaption></figure>"


def _histograms(series: Sequence[Mapping[str, Any]]) -> str:
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    shown = (
        ("distance of slices, mm", [facts["spacing_mm"][0] for facts in series]),
        ("pixel spacing, mm", [facts["spacing_mm"][2] for facts in series]),
        ("slices", [facts["slices"] for facts in series]),
        (
            "slice thickness, mm",
            [facts["SliceThickness"] for facts in series if facts["SliceThickness"] is not None],
        ),
    )
    for axes, (title, values) in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.hist(values, bins=min(20, max(1, len(set(values)))), color="#3b7ea1")
        axes.set_title(title, fontsize=9)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()


def _deidentification(results: Sequence[Mapping[str, Any]], config: DicomConfig, cohort: Cohort) -> list[str]:
    profile = config.profile
    if profile is None:
        return [
            "<p>The source is declared to be de-identified: nothing was changed, and nothing was verified.</p>"
        ]
    actions: Counter[str] = Counter()
    for result in results:
        actions.update(result["actions"])
    codes = profile.method_codes(profile.options)
    proof = (
        f"DICOM PS3.15 Annex E. Every DICOM object of the {len(cohort.cases)} cases was written, then read again by "
        "other code with other rules, and searched for the names, numbers, dates, times and UIDs of its source: the "
        "step fails on any finding, and there was none. Faces in head images are not removed."
    )
    return [
        f"<p>{proof}</p>",
        table(["method code", "meaning"], [list(code) for code in codes]),
        "<p>Options that are not applied: " + ", ".join(sorted(set(OPTIONS) - profile.options)) + ".</p>",
        table(["done to", "times"], [[what, str(count)] for what, count in sorted(actions.items())]),
    ]
