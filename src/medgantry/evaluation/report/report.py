"""The whole page, from what it is to where it is from."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.pictures import Picture
from medgantry.evaluation.report.card import describe, limits, provenance
from medgantry.evaluation.report.classes import class_sections
from medgantry.evaluation.report.data import data_section
from medgantry.evaluation.report.scores import (
    comparison_section,
    headline,
    score_sections,
    subgroup_section,
)
from medgantry.ledger import Entry
from medgantry.page import figure, page


def write_report(
    path: Path,
    evaluation: Evaluation,
    cohort: Cohort,
    bundle: Bundle,
    entries: Sequence[Entry],
    pictures: Sequence[Picture],
) -> None:
    """Write the report.

    Args:
        path: The HTML file.
        evaluation: What was measured.
        cohort: On what.
        bundle: Of what.
        entries: The evaluation's own verdicts.
        pictures: Cases to show.
    """
    body = [
        "<p class=note>For research. Not a medical device.</p>",
        headline(evaluation),
        *describe(bundle),
        *data_section(cohort, evaluation, entries),
        *score_sections(evaluation),
        *comparison_section(evaluation),
        *(class_sections(evaluation) if evaluation.task == "classification" else []),
        *subgroup_section(evaluation),
        *_cases(pictures),
        *limits(evaluation, bundle),
        *provenance(evaluation, cohort, bundle),
    ]
    path.write_text(page(str(bundle.metadata.get("name", "Model")), body))


def _cases(pictures: Sequence[Picture]) -> list[str]:
    titles = {"worst": "Cases it did worst on, worst first", "best": "Cases it did best on"}
    parts = ["<h2>Cases</h2>"]
    for kind, title in titles.items():
        chosen = [picture for picture in pictures if picture.kind == kind]
        if chosen:
            parts.append(f"<h3>{title}</h3>")
            parts += [
                figure(picture.path, f"<b>{escape(picture.case_id)}</b>: {escape(picture.caption)}")
                for picture in chosen
            ]
    return parts
