import pytest

from medgantry.errors import InvalidInput
from medgantry.training.options import TrainOptions, parse_options


def test_nothing_said_is_the_defaults():
    assert parse_options("") == parse_options("{}") == TrainOptions()


def test_values_come_as_they_are_said():
    found = parse_options(
        '{"cache": "smart", "replace_rate": 1, "trace_augmentation": ["a"], "tensorboard": true}'
    )
    assert (found.cache, found.replace_rate, list(found.trace_augmentation)) == ("smart", 1, ["a"])
    assert found.document()["tensorboard"] is True


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"epochs": 3}', "epochs"),
        ('{"patience": -1}', "patience"),
        ('{"patience": 1.5}', "patience must be a int"),
        ('{"patience": true}', "patience must be a int"),
        ('{"deterministic": 1}', "deterministic must be a bool"),
        ('{"trace_augmentation": true}', "list of case ids"),
        ('{"loader_threads": 0}', "loader_threads"),
        ("[]", "train_options"),
    ],
)
def test_what_is_no_option_is_refused_by_name(text, named):
    with pytest.raises(InvalidInput, match=named):
        parse_options(text)
