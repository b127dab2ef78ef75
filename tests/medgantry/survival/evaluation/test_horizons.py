import dataclasses

import numpy as np
import pytest

from medgantry.errors import InvalidInput
from medgantry.survival.evaluation.horizons import chosen_horizons, last_day
from tests.medgantry.survival.evaluation.cohort import make_predictions


def test_the_usual_days_are_those_that_follow_up_allows() -> None:
    long = make_predictions(subjects=150)
    assert chosen_horizons("", long) == [731, 1826]
    assert chosen_horizons(" 900, 400.5", long) == [400.5, 900]
    short = dataclasses.replace(long, time=long.time / 3)
    assert chosen_horizons("", short) == [731]
    assert chosen_horizons("", dataclasses.replace(long, time=long.time / 20)) == [
        pytest.approx(last_day(dataclasses.replace(long, time=long.time / 20)))
    ]


def test_the_last_day_still_has_ten_under_observation() -> None:
    predictions = make_predictions()
    assert (predictions.time >= last_day(predictions)).sum() >= 10


@pytest.mark.parametrize("change", ["few", "no events"])
def test_too_little_to_judge_by_is_refused(change: str) -> None:
    predictions = make_predictions()
    if change == "few":
        predictions = predictions.only(set(predictions.subjects[:12]))
    else:
        predictions = dataclasses.replace(predictions, event=np.zeros(90, dtype=bool))
    with pytest.raises(InvalidInput, match="At least 10 subjects"):
        last_day(predictions)
