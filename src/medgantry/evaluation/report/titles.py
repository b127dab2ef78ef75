"""What metrics are called, and what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medgantry.evaluation.report.digits import share


@dataclass(frozen=True)
class Title:
    """A metric in words."""

    short: str
    meaning: str
    best: str = "1"
    least_decimals: int = 2


_TITLES = {
    "dice": Title("Dice", "overlap of answer and reference: 0 is none, 1 is all"),
    "ensemble_gain": Title(
        "Ensemble's gain",
        "Dice of the ensemble minus the mean Dice of its members alone, case by case: above 0 it is better",
        "above 0",
        3,
    ),
    "nsd": Title(
        "NSD", "normalised surface distance: share of both surfaces within {tolerance} mm of the other"
    ),
    "hd95_mm": Title(
        "HD95, mm", "95 % Hausdorff distance: 95 % of each surface lie within it of the other", "0", 1
    ),
    "mask_dice": Title(
        "Mask Dice", "overlap of the warped moving mask and the fixed mask: 0 is none, 1 is all"
    ),
    "mask_dice_before": Title("Mask Dice before", "of the moving mask and the fixed mask as they came"),
    "mask_dice_gain": Title("Gain in mask Dice", "after minus before, case by case"),
    "landmark_error_mm": Title(
        "Landmark error, mm",
        "mean distance of a case's landmarks from where the registration puts them",
        "0",
        1,
    ),
    "landmark_error_before_mm": Title("Landmark error before, mm", "without registration", "0", 1),
    "landmark_gain_mm": Title(
        "Fall of the landmark error, mm", "before minus after, case by case", "error before", 1
    ),
    "folded_share": Title(
        "Folded share",
        "voxels of the fixed image at which space folds (Jacobian determinant not above 0)",
        "0",
        4,
    ),
    "sd_log_jacobian": Title(
        "SDlogJ",
        "how unevenly space grows and shrinks, as Learn2Reg computes it, over the whole image",
        "0",
        3,
    ),
    "auc": Title(
        "AUC", "area under the ROC curve, a class against all others: 0.5 is guessing, 1 is perfect"
    ),
    "pr_auc": Title(
        "PR-AUC",
        "area under the precision-recall curve (average precision); guessing gives the class's share",
    ),
    "accuracy": Title("Accuracy", "share of cases whose most probable class is right"),
    "balanced_accuracy": Title(
        "Balanced accuracy", "sensitivity, averaged over the classes that have a case"
    ),
    "recall": Title("Sensitivity", "share of a class's cases for which it is the most probable class"),
    "frozen_sensitivity": Title(
        "Sensitivity at fixed threshold", "at the operating point that was fixed on the validation cases"
    ),
    "frozen_specificity": Title(
        "Specificity at fixed threshold", "share of the other cases below that operating point"
    ),
    "sensitivity": Title(
        "Sensitivity at {specificity} specificity",
        "read off these cases' own ROC curve, which flatters the model",
    ),
    "nll": Title("Log loss, nat", "of the probability that was given to the right class", "0"),
    "brier": Title("Brier score", "squared distance of all probabilities from the truth, at most 2", "0"),
}


def titles(metrics: Mapping[str, Any]) -> dict[str, Title]:
    """The metrics that a reader is shown, in the order to read them.

    Args:
        metrics: The evaluation's, which know the tolerance and the specificity.
    """
    known = {
        "tolerance": f"{metrics.get('tolerance_mm', 0):g}",
        "specificity": share(metrics.get("specificity", 0)),
    }
    return {
        metric: Title(
            title.short.format(**known), title.meaning.format(**known), title.best, title.least_decimals
        )
        for metric, title in _TITLES.items()
    }


def of_what(name: str) -> str:
    """What a mean is over, in words; a class or region is its own name."""
    return {"macro": "mean over classes", "mean": "mean over regions", "all": ""}.get(name, name)
