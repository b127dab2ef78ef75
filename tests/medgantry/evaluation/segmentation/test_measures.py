"""What is made of rows about masks."""

import pytest

from medgantry.errors import InvalidBundle
from medgantry.evaluation.segmentation.measures import SegmentationMeasures


def row(number, distance):
    return {
        "case_id": f"case-{number}",
        "group_id": f"group-{number}",
        "region": "lesion",
        "dice": 0.5,
        "nsd": 0.5,
        "hd95_mm": distance,
        "untrained_dice": 0.1,
        "reference_ml": 1.0,
        "predicted_ml": 1.0,
    }


def test_a_distance_is_never_below_0():
    rows = [row(number, distance) for number, distance in enumerate((0.5, 0.5, 0.5, 20.0))]
    found = SegmentationMeasures(["lesion"], 2.0).summarise(rows)["hd95_mm"]["lesion"]
    assert (found["estimate"], found["low"]) == (5.375, 0.0)
    assert found["high"] > 20


def test_a_region_that_is_called_mean_is_refused():
    with pytest.raises(InvalidBundle, match="mean"):
        SegmentationMeasures(["mean", "lesion"], 2.0)
