import numpy as np

from medgantry.survival.evaluation.risk_groups import members_of, place_in_fold, risk_groups


def test_a_place_is_the_share_of_the_fold_below_whatever_its_scale() -> None:
    fold = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    risk = np.array([[1.0, 2.0, 300.0, 200.0], [1.0, 1.0, 5.0, 0.0]])
    assert place_in_fold(fold, risk).tolist() == [0.25, 0.75, 0.75, 0.25]


def test_equal_risks_share_a_place() -> None:
    assert place_in_fold(np.zeros((1, 3), dtype=int), np.ones((1, 3))).tolist() == [0.5, 0.5, 0.5]


def test_groups_are_terciles_from_low_to_high() -> None:
    groups = risk_groups(np.arange(9) / 9)
    assert {name: members.tolist() for name, members in members_of(groups).items()} == {
        "low": [0, 1, 2],
        "middle": [3, 4, 5],
        "high": [6, 7, 8],
    }


def test_without_any_difference_there_is_one_group() -> None:
    assert list(members_of(risk_groups(np.full(6, 0.5)))) == ["low"]
