"""The step `explain`: what a classification bundle looked at, where it was right and where wrong."""

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import InvalidInput, Mismatch
from medgantry.evaluation.classification.measures import probability
from medgantry.evaluation.classification.seen import Method, bring_photo, draw_seen
from medgantry.evaluation.evaluation import Evaluation
from medgantry.explain import grad_cam_pp, occlusion, smooth_grad
from medgantry.inference import Classifier
from medgantry.page import figure, page
from medgantry.steps import run_id, step
from medgantry.tracking import TrackedRun

_NOTE = (
    "Heat maps of the class that was answered, on the network's input: Grad-CAM++ (Chattopadhay 2018) weighs the last "
    "feature maps; occlusion covers one patch after another; SmoothGrad (Smilkov 2017) averages gradients over noisy "
    "copies. They say where the network looked, not why, and not whether that was right."
)


def explain_step(
    bundle_folder: Path, cohort_folder: Path, evaluation_folder: Path, output: Path, *, cases: int, seed: int
) -> None:
    """Write a page of explanations; the arguments are the component's."""
    with step("explain") as record:
        bundle, cohort = Bundle(bundle_folder), Cohort.open(cohort_folder)
        evaluation = Evaluation.open(evaluation_folder)
        if (evaluation.weights_hash, evaluation.cohort_hash) != (bundle.weights_hash, cohort.cohort_hash):
            raise Mismatch("The evaluation is of another model or cohort.", "Explain what was evaluated.")
        if cases < 1:
            raise InvalidInput(f"At least one case of each kind was wanted, got cases={cases}.")
        chosen = choose(evaluation.rows, cases)
        explainer = _Explainer(bundle, cohort, seed)
        parts = [f"<p class=note>{escape(_NOTE)}</p>"]
        with TemporaryDirectory(prefix="medgantry-explain-") as name:
            for title, rows in chosen.items():
                parts.append(f"<h2>{escape(title)}</h2>")
                parts += [explainer.explain(row, Path(name)) for row in rows]
        output.write_text(page(f"{bundle.metadata.get('name', 'Model')}: explanations", parts))
        TrackedRun(run_id()).artifacts_as(output, "evaluation", "explanations.html")
        record.facts = {"cases": {title: [row["case_id"] for row in rows] for title, rows in chosen.items()}}


def choose(rows: Sequence[Mapping[str, Any]], count: int) -> dict[str, list[Mapping[str, Any]]]:
    """The most confident wrong and right answers."""
    ordered = sorted(rows, key=lambda row: (-row[probability(row["predicted"])], row["case_id"]))
    wrong = [row for row in ordered if row["predicted"] != row["reference"]]
    right = [row for row in ordered if row["predicted"] == row["reference"]]
    return {"Wrong, most confident first": wrong[:count], "Right, most confident first": right[:count]}


class _Explainer:
    def __init__(self, bundle: Bundle, cohort: Cohort, seed: int) -> None:
        self._model, self._cohort = Classifier(bundle), cohort
        self._methods: dict[str, Method] = {
            "Grad-CAM++": grad_cam_pp,
            "Occlusion": occlusion,
            "SmoothGrad": partial(smooth_grad, seed=seed),
        }

    def explain(self, row: Mapping[str, Any], scratch: Path) -> str:
        """One case as a figure of the page."""
        case_id, answered = str(row["case_id"]), str(row["predicted"])
        photo = bring_photo(self._model, self._cohort, case_id, scratch)
        path = scratch / "explanation.png"  # a case may have a name that no file can have
        draw_seen(self._model, photo, answered, self._methods, path, case_id)
        share = row[probability(answered)]
        return figure(
            path,
            f"<b>{escape(case_id)}</b>: is {escape(row['reference'])}, answered {escape(answered)} ({share:.0%})",
            case_id,
        )
