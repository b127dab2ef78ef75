"""Calibration as a training leaves it in the bundle."""

import json

import numpy as np
import pytest

from medgantry.bundles import Bundle, open_bundle
from medgantry.bundles.config_ids import look_up
from medgantry.evaluation.classification.calibration import negative_log_likelihood
from medgantry.evaluation.classification.temperature import apply_temperature
from medgantry.training.calibrate import SPECIFICITY, calibrate
from medgantry.training.class_validation import as_arrays

OURS = "medgantry:skin_lesion_classification"
CLASSES = {"0": "bcc", "1": "mel", "2": "nv"}


def opened(folder):
    override = {"network_data_format#outputs#pred#channel_def": CLASSES}
    return open_bundle(OURS, json.dumps(override), folder)


def validated(count, *, sharpness, classes=(0, 1, 2), seed=0):
    """Rows of a network whose logits are right but for their size."""
    rng = np.random.default_rng(seed)
    right = rng.normal(0, 1.5, (count, 3))
    right[:, [index for index in range(3) if index not in classes]] = -30
    labels = [rng.choice(3, p=shares) for shares in apply_temperature(right, 1.0)]
    return [
        {"case_id": str(number), "class_index": int(label), "logits": (sharpness * values).tolist()}
        for number, (label, values) in enumerate(zip(labels, right, strict=True))
    ]


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_that_makes_logits_right_is_found_and_written(tmp_path, sharpness):
    bundle = opened(tmp_path / "bundle")
    rows = validated(2000, sharpness=sharpness)
    found = calibrate(bundle, rows)
    assert found["temperature"] == pytest.approx(sharpness, rel=0.1)
    assert found["cases"] == 2000
    after = Bundle(bundle.folder)
    assert after.inference_config["temperature"] == found["temperature"]
    assert look_up(after.inference_config, "postprocessing#transforms#0#func").endswith("@temperature")
    assert after.train_config == bundle.train_config
    reference, logits = as_arrays(rows)
    losses = [
        negative_log_likelihood(reference, apply_temperature(logits, temperature)).mean()
        for temperature in (found["temperature"], 0.9 * found["temperature"], 1.1 * found["temperature"])
    ]
    assert losses[0] == min(losses)
    json.dumps(found, allow_nan=False)


def test_a_config_without_a_temperature_stays_as_it_is(tmp_path):
    folder = opened(tmp_path / "bundle").folder
    path = folder / "configs/inference.yaml"
    text = path.read_text()
    assert text.count("@temperature") == 1
    kept = [line for line in text.splitlines() if "temperature" not in line]
    path.write_text("\n".join(kept))
    before = path.read_bytes()
    rows = validated(200, sharpness=3.0)
    found = calibrate(Bundle(folder), rows)
    assert found["temperature"] == 1.0
    assert path.read_bytes() == before
    # Operating points are of the probabilities that the bundle will give: not scaled.
    assert found["thresholds"] == thresholds_by_hand(rows, 1.0)


def thresholds_by_hand(rows, temperature):
    """The lowest score of a case of the class that keeps enough others below it."""
    reference, logits = as_arrays(rows)
    shares = apply_temperature(logits, temperature)
    found = {}
    for index, name in enumerate(CLASSES.values()):
        positive = reference == index
        allowed = [
            score
            for score in shares[positive, index]
            if (shares[~positive, index] < score).mean() >= SPECIFICITY
        ]
        found[name] = min(allowed)
    return found


def test_thresholds_are_the_most_sensitive_that_keep_the_specificity(tmp_path):
    rows = validated(300, sharpness=2.0)
    found = calibrate(opened(tmp_path / "bundle"), rows)
    assert found["specificity"] == SPECIFICITY
    assert found["thresholds"] == pytest.approx(thresholds_by_hand(rows, found["temperature"]), abs=1e-12)
    reference, logits = as_arrays(rows)
    shares = apply_temperature(logits, found["temperature"])
    for index, name in enumerate(CLASSES.values()):
        others = shares[reference != index, index]
        assert (others < found["thresholds"][name]).mean() >= SPECIFICITY


def test_a_class_without_cases_has_no_threshold(tmp_path):
    rows = validated(100, sharpness=1.0, classes=(0, 2))
    found = calibrate(opened(tmp_path / "bundle"), rows)
    assert set(found["thresholds"]) == {"bcc", "nv"}


def test_few_cases_of_one_class_are_calibrated_without_nan(tmp_path):
    rows = [{"case_id": "0", "class_index": 1, "logits": [0.0, 1.0, 0.5]}]
    found = calibrate(opened(tmp_path / "bundle"), rows)
    assert found["thresholds"] == {}
    json.dumps(found, allow_nan=False)
