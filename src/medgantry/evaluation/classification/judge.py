"""Judging a classification bundle on source images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.cohort import Cohort
from medgantry.errors import InvalidBundle
from medgantry.evaluation.classification.measures import ClassificationMeasures, logit, probability
from medgantry.evaluation.classification.seen import as_picture, as_seen
from medgantry.evaluation.measures import Rows
from medgantry.explain import draw_explanation, grad_cam_pp
from medgantry.inference import Classifier


class ClassificationJudge:
    """Calibrated probabilities of every case.

    Args:
        cohort: Whose target is the reference.
        bundle: Trained.
    """

    def __init__(self, cohort: Cohort, bundle: Bundle) -> None:
        self._cohort, self._model = cohort, Classifier(bundle)
        self._cases = {case.case_id: case for case in cohort.cases}
        self.measures = ClassificationMeasures(bundle.outputs, bundle.provenance.get("calibration", {}))

    def judge(self, case_id: str, scratch: Path, answers: Path | None) -> list[dict[str, Any]]:
        """One row; it holds the whole answer, so no file is kept."""
        found = self._model.predict_case({"image": self._bring(case_id, scratch)})
        case = self._cases[case_id]
        values = zip(found.classes, found.probabilities, found.logits, strict=True)
        row: dict[str, Any] = {
            "case_id": case_id,
            "group_id": case.group_id,
            "reference": case.targets[self._model.bundle.target],
            "predicted": found.answer,
        }
        for name, share, raw in values:
            row |= {probability(name): share, logit(name): raw}
        return [row]

    def extras(self) -> Mapping[str, Any]:
        """Nothing more."""
        return {}

    def draw(self, case_id: str, rows: Rows, scratch: Path, path: Path) -> str:
        """The image, and what spoke for the class that was answered (Grad-CAM++)."""
        row = rows[0]
        prepared = self._model.loaded.prepare(self._bring(case_id, scratch))
        index = self._model.bundle.outputs.index(row["predicted"])
        shares = f"{row[probability(row['predicted'])]:.0%}; {row['reference']} {self.measures.case_score(rows):.0%}"
        caption = f"is {row['reference']}, answered {row['predicted']} ({shares})"
        try:
            heat = grad_cam_pp(
                self._model.loaded.network, prepared[None].to(self._model.loaded.device), index
            )
        except InvalidBundle as error:
            draw_explanation(path, as_seen(prepared), {}, case_id)
            return f"{caption}. No Grad-CAM++: {error.message}"
        draw_explanation(path, as_seen(prepared), {"Grad-CAM++": as_picture(heat)}, case_id)
        return caption

    def _bring(self, case_id: str, scratch: Path) -> Path:
        item = bring_case(self._cohort.files_of[case_id], self._model.bundle.input_channels, scratch)
        assert isinstance(item["image"], Path)
        return item["image"]
