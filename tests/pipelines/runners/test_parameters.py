import json

import pytest

from medgantry.errors import InvalidInput
from pipelines.runners.parameters import parse_parameters, with_profile
from pipelines.spleen_segmentation import spleen_segmentation

SOURCE = "source=/data"


def test_a_profile_joins_the_options_that_are_given():
    settings = with_profile([SOURCE, 'train_options={"patience": 3}'], 20)
    values = parse_parameters(spleen_segmentation, settings)
    assert json.loads(values["train_options"]) == {"patience": 3, "profile": 20}
    assert values["source"] == "/data"


def test_a_profile_alone_is_an_option():
    assert with_profile([SOURCE], 2) == [SOURCE, 'train_options={"profile": 2}']


def test_options_that_are_no_object_are_refused():
    with pytest.raises(InvalidInput, match="train_options"):
        with_profile(["train_options=[]"], 2)
