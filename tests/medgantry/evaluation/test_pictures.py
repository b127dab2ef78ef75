"""Which cases a reader sees, drawn by the real judge on real photos."""

import pytest
from PIL import Image

from medgantry.evaluation.classification.judge import ClassificationJudge
from medgantry.evaluation.pictures import draw_pictures
from tests.medgantry.colours import make_bundle, make_cohort


def judged(store, folder, count):
    """A judge, its rows about so many cases, and the cases from the worst to the best."""
    cohort = make_cohort(store, folder, test=count)
    judge = ClassificationJudge(cohort, make_bundle(folder / "bundle", cohort, noise=0.3))
    rows = [row for name in cohort.side("test") for row in judge.judge(name, folder / "scratch", None)]
    ordered = sorted(rows, key=lambda row: row[f"probability {row['reference']}"])
    return judge, rows, [row["case_id"] for row in ordered]


@pytest.mark.parametrize(("count", "worst", "best"), [(1, 1, 0), (6, 6, 0), (7, 6, 1), (9, 6, 2)])
def test_the_worst_come_first_and_no_case_comes_twice(store, tmp_path, count, worst, best):
    judge, rows, ordered = judged(store, tmp_path, count)
    pictures = draw_pictures(judge, rows[::-1], tmp_path / "answers", tmp_path / "pictures")
    shown = [(picture.case_id, picture.kind) for picture in pictures]
    assert shown == [(name, "worst") for name in ordered[:worst]] + [
        (name, "best") for name in ordered[::-1][:best]
    ]
    assert len({name for name, _ in shown}) == len(shown)
    assert sorted(picture.path for picture in pictures) == sorted((tmp_path / "pictures").iterdir())
    answered = {row["case_id"]: row["predicted"] for row in rows}
    for picture in pictures:
        assert Image.open(picture.path).size > (100, 100)
        assert f"answered {answered[picture.case_id]} " in picture.caption
