"""Calibration at the end of a training: from the best epoch's validation cases alone."""

from typing import Any

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.config_files import set_config
from medgantry.evaluation.classification.curves import operating_threshold
from medgantry.evaluation.classification.temperature import apply_temperature, fit_temperature
from medgantry.training.class_validation import as_arrays
from medgantry.training.validation import Rows

SPECIFICITY = 0.9
"""Of the operating points: each class has the threshold that keeps it on the validation cases."""


def calibrate(bundle: Bundle, rows: Rows) -> dict[str, Any]:
    """Fit the temperature, write it into the bundle's inference config, and fix operating points.

    Args:
        bundle: Its config's id `temperature` gets the value; without that id nothing is scaled.
        rows: Validation cases of the best epoch.

    Returns:
        For the provenance: `temperature`, `cases` it was fitted on, `specificity`, `thresholds` (class -> calibrated
        probability; classes without validation cases have none).
    """
    reference, logits = as_arrays(rows)
    temperature = fit_temperature(logits, reference)
    if not set_config(bundle.folder, "inference", "temperature", temperature):
        temperature = 1.0
    probabilities = apply_temperature(logits, temperature)
    found = {
        name: operating_threshold(reference == index, probabilities[:, index], SPECIFICITY)
        for index, name in enumerate(bundle.outputs)
    }
    return {
        "temperature": temperature,
        "cases": len(rows),
        "specificity": SPECIFICITY,
        "thresholds": {name: value for name, value in found.items() if value is not None},
    }
