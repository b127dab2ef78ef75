"""Judging a classification bundle on source images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import InvalidBundle
from medgantry.evaluation.classification.measures import ClassificationMeasures, logit, probability
from medgantry.evaluation.classification.seen import bring_photo, draw_seen
from medgantry.evaluation.measures import Rows
from medgantry.explain import grad_cam_pp
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
        found = self._model.predict_case({"image": bring_photo(self._model, self._cohort, case_id, scratch)})
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

    def draw(self, case_id: str, rows: Rows, answers: Path, scratch: Path, path: Path) -> str:
        """The image, and what spoke for the class that was answered (Grad-CAM++)."""
        row = rows[0]
        photo = bring_photo(self._model, self._cohort, case_id, scratch)
        shares = f"{row[probability(row['predicted'])]:.0%}; {row['reference']} {self.measures.case_score(rows):.0%}"
        caption = f"is {row['reference']}, answered {row['predicted']} ({shares})"
        try:
            draw_seen(self._model, photo, row["predicted"], {"Grad-CAM++": grad_cam_pp}, path, case_id)
        except InvalidBundle as error:
            draw_seen(self._model, photo, row["predicted"], {}, path, case_id)
            return f"{caption}. No Grad-CAM++: {error.message}"
        return caption
