import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from medgantry.errors import InvalidInput
from medgantry.survival.predictions import Predictions
from tests.medgantry.survival.evaluation.cohort import make_predictions


def test_what_is_opened_is_what_was_saved(tmp_path: Path) -> None:
    saved = make_predictions(subjects=20)
    saved.save(tmp_path)
    found = Predictions.open(tmp_path)
    assert found.content_hash == saved.content_hash
    assert (found.candidates, found.provenance) == (saved.candidates, saved.provenance)
    np.testing.assert_array_equal(found.fold, saved.fold)
    np.testing.assert_array_equal(found.survival["pooled"], saved.survival["pooled"])


def test_a_folder_that_was_edited_is_refused(tmp_path: Path) -> None:
    make_predictions(subjects=20).save(tmp_path)
    document = json.loads((tmp_path / "predictions.json").read_text())
    document["grid"][0] += 1
    (tmp_path / "predictions.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInput, match="edited by hand"):
        Predictions.open(tmp_path)


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"subjects": ["b", "a"]}, "sorted"),
        ({"time": np.array([1.0, 0.0])}, "above 0"),
        ({"event": np.array([1, 0])}, "true or false"),
        ({"grid": np.array([5.0, 5.0])}, "rising"),
        ({"fold": np.array([0, 1])}, "fold of each"),
        ({"risk": {"other": np.zeros((1, 2))}}, "same candidates"),
        ({"risk": {"pooled": np.array([[1.0, np.nan]])}}, "no numbers"),
        ({"survival": {"pooled": np.array([[[0.5, 0.6], [1, 1]]])}}, "never rises"),
        ({"survival": {"pooled": np.array([[[1.5, 0.6], [1, 1]]])}}, r"within \[0, 1\]"),
        ({"survival": {"pooled": np.ones((1, 2, 3))}}, "of shape"),
    ],
)
def test_what_does_not_hold_is_refused(changed: dict[str, object], wanted: str) -> None:
    sound = Predictions(
        subjects=["a", "b"],
        time=np.array([1.0, 2.0]),
        event=np.array([True, False]),
        grid=np.array([1.0, 2.0]),
        fold=np.array([[0, 1]]),
        risk={"pooled": np.zeros((1, 2))},
        survival={"pooled": np.ones((1, 2, 2))},
        table_hash="",
    )
    with pytest.raises(InvalidInput, match=wanted):
        dataclasses.replace(sound, **changed)


def test_the_chance_of_an_event_lies_on_a_line_between_days() -> None:
    found = dataclasses.replace(
        make_predictions(subjects=2, repeats=1),
        grid=np.array([10.0, 20.0]),
        survival={"pooled": np.array([[[0.8, 0.4], [1.0, 1.0]]])},
        risk={"pooled": np.zeros((1, 2))},
    )
    chances = [found.event_by("pooled", day)[0, 0] for day in (5.0, 10.0, 15.0, 20.0)]
    assert chances == pytest.approx([0.1, 0.2, 0.4, 0.6])
    with pytest.raises(InvalidInput, match="up to day 20"):
        found.event_by("pooled", 21)


def test_some_subjects_keep_their_predictions() -> None:
    whole = make_predictions(subjects=20)
    part = whole.only({"S003", "S011"})
    assert list(part.subjects) == ["S003", "S011"]
    np.testing.assert_array_equal(part.risk["pooled"], whole.risk["pooled"][:, [3, 11]])
