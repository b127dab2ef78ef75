"""The whole page, from what it is to where it is from."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.evaluation import Evaluation
from medgantry.evaluation.pictures import Picture
from medgantry.evaluation.report.beside import comparison_section, subgroup_section
from medgantry.evaluation.report.card import describe, limits, provenance
from medgantry.evaluation.report.classes import class_sections
from medgantry.evaluation.report.data import data_section
from medgantry.evaluation.report.scores import score_sections
from medgantry.evaluation.report.summary import summary_section
from medgantry.ledger import Entry
from medgantry.page import figure, page

_SHOWN = {
    "classification": "Left what the network was given, right what spoke for the class it answered (Grad-CAM++, yellow "
    "most): where it looked, not why, and not whether that was right.",
    "registration": "The fixed image in magenta and the moving one in green over each other, left before, right after; where "
    "they agree it is grey. Letters at the edges: right, left, anterior, posterior, superior, inferior of the patient.",
    "segmentation": "Outlines on one slice, the one with most of the reference (of the answer, where the reference is "
    "empty): left the reference, right the answer. Letters at the edges: right, left, anterior, posterior, superior, "
    "inferior of the patient.",
}


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
        "<p class=note>Model card and evaluation. For research. Not a medical device.</p>",
        *summary_section(evaluation, cohort, bundle, entries),
        *describe(bundle),
        *data_section(cohort, bundle, entries),
        *score_sections(evaluation),
        *comparison_section(evaluation),
        *(class_sections(evaluation) if evaluation.task == "classification" else []),
        *subgroup_section(evaluation),
        *_cases(evaluation.task, pictures),
        *limits(evaluation, cohort, bundle),
        *provenance(evaluation, cohort, bundle),
    ]
    path.write_text(page(str(bundle.metadata.get("name", "Model")), body), encoding="utf-8")


def _cases(task: str, pictures: Sequence[Picture]) -> list[str]:
    titles = {"worst": "Cases it did worst on, worst first", "best": "Cases it did best on"}
    parts = ["<h2>Cases</h2>", f"<p>{_SHOWN[task]}</p>"]
    for kind, title in titles.items():
        chosen = [picture for picture in pictures if picture.kind == kind]
        if chosen:
            shown = [
                figure(
                    picture.path,
                    f"<b>{escape(picture.case_id)}</b>: {escape(picture.caption)}",
                    picture.case_id,
                )
                for picture in chosen
            ]
            parts.append(f'<h3>{title}</h3><div class="cases">{"".join(shown)}</div>')
    return parts
