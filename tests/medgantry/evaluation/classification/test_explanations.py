"""Which cases are explained."""

from medgantry.evaluation.classification.explanations import choose
from medgantry.evaluation.classification.measures import probability


def row(case_id, reference, predicted, share):
    """A case whose answer has this probability; the other class has the rest."""
    other = {"mel": "nv", "nv": "mel"}[predicted]
    return {
        "case_id": case_id,
        "reference": reference,
        "predicted": predicted,
        probability(predicted): share,
        probability(other): 1 - share,
    }


ROWS = [
    row("a", "mel", "nv", 0.6),
    row("b", "mel", "nv", 0.9),
    row("c", "nv", "mel", 0.7),
    row("d", "nv", "nv", 0.8),
    row("e", "mel", "mel", 0.95),
    row("f", "nv", "nv", 0.8),
]


def chosen(rows, count):
    return [[found["case_id"] for found in part] for part in choose(rows, count).values()]


def test_the_most_confident_of_each_kind_come_first_and_ties_go_by_name():
    assert chosen(ROWS, 2) == chosen(ROWS[::-1], 2) == [["b", "c"], ["e", "d"]]
    assert chosen(ROWS, 10) == [["b", "c", "a"], ["e", "d", "f"]]
    assert [title.split(",")[0] for title in choose(ROWS, 1)] == ["Wrong", "Right"]


def test_a_model_that_is_always_right_has_nothing_wrong_to_show():
    right = [found for found in ROWS if found["reference"] == found["predicted"]]
    assert chosen(right, 2) == [[], ["e", "d"]]
    assert chosen([], 2) == [[], []]
