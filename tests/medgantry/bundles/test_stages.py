import pytest

from medgantry.bundles.stages import deterministic_count, deterministic_part, transforms_id
from medgantry.errors import InvalidBundle

LOAD, CROP, FLIP, PAD = (
    {"_target_": name} for name in ("LoadImaged", "RandSpatialCropd", "monai.x.RandFlipd", "Padd")
)


def config(transform, **train):
    return {"train": {"dataset": {"_target_": "Dataset", "transform": transform}, **train}}


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (config([LOAD, PAD, CROP, PAD]), 2),
        (config({"_target_": "Compose", "transforms": [LOAD, CROP]}), 1),
        (config({"_target_": "Compose", "transforms": [LOAD, {"_target_": "monai.transforms.Compose", "transforms": [PAD, FLIP]}]}), 2),
        (config("$@train#a + @train#b", a=[LOAD], b=[PAD, CROP]), 1),
        (config("$@train#a + @train#b + @train#c", a=[LOAD], b=[PAD], c=[CROP]), 2),
        (config("$@train::a + @train::b", a=[LOAD, CROP], b=[PAD]), 1),
        (config("%train#a", a=[LOAD, PAD]), 2),
        (config("@train#a", a="@train#b", b=[LOAD, CROP]), 1),
        (config("$[t for t in @train#a]", a=[LOAD, CROP]), None),
    ],
)  # fmt: skip
def test_deterministic_is_what_comes_before_the_random_whatever_it_is_called(found, count):
    assert deterministic_count(found) == count


def test_the_hashed_part_follows_references_and_leaves_random_settings_out():
    base = config("$@train#a + @train#b", a=[LOAD | {"pixdim": "@spacing"}], b=[CROP | {"roi_size": "@size"}])
    part = deterministic_part(base | {"spacing": [1, 1, 1], "size": 8})
    assert part == deterministic_part(base | {"spacing": [1, 1, 1], "size": 9})
    assert part != deterministic_part(base | {"spacing": [2, 2, 2], "size": 8})


def test_an_expression_that_only_running_it_could_tell_is_hashed_whole():
    base = config("$[t for t in @train#a]", a=[LOAD, CROP | {"roi_size": 8}])
    other = config("$[t for t in @train#a]", a=[LOAD, CROP | {"roi_size": 9}])
    assert deterministic_part(base) != deterministic_part(other)


def test_references_in_a_circle_end():
    assert deterministic_part(config([LOAD | {"a": "@b"}]) | {"b": "$@b + 1"})


def test_a_data_set_around_a_data_set_is_looked_into():
    inner = {"_target_": "CacheDataset", "transform": [LOAD, CROP]}
    assert transforms_id({"train": {"dataset": {"dataset": "@inner"}}, "inner": inner}) == "inner#transform"


def test_a_training_data_set_without_transforms_is_refused():
    with pytest.raises(InvalidBundle, match="train#dataset#transform"):
        transforms_id({"train": {"dataset": {"_target_": "Dataset"}}})
