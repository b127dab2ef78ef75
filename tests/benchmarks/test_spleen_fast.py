"""The comparison runs, on a task so small that its numbers mean nothing."""

import pytest
import torch

from benchmarks import spleen_fast
from benchmarks.spleen_fast import Scale, measure

TINY = Scale(
    size=(32, 32, 24),
    train=3,
    validation=1,
    epochs=2,
    validate_every=1,
    override={
        "spacing": [4.0, 4.0, 4.0],
        "patch_size": [16, 16, 16],
        "samples_per_case": 2,
        "network_def#channels": [4, 8],
        "network_def#strides": [2],
    },
)


def test_both_ways_are_trained_as_long_and_measured() -> None:
    row = measure(TINY, torch.device("cpu"), workers=0)
    assert row["ratio"] == row["seconds"]["peer"] / row["seconds"]["ours"]
    assert row["runs"] == 1  # the first epoch warms up
    assert row["seconds_to_common"]["ours"] > row["seconds_storing"] > 0
    assert 0 < row["max_difference"] <= spleen_fast.ALLOWED
    assert row["common_dice"] <= min(row["best_dice"].values())
    assert row["seconds_to_0.8"] == {"ours": None, "peer": None}
    assert row["conditions"]["workers"] == 0


def test_a_row_on_other_inputs_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = spleen_fast._monai_alone
    monkeypatch.setattr(
        spleen_fast,
        "_monai_alone",
        lambda transforms: [
            {**item, "a_min": -60} if item["_target_"] == "ScaleIntensityRanged" else item
            for item in whole(transforms)
        ],
    )
    with pytest.raises(AssertionError):
        measure(TINY, torch.device("cpu"), workers=0)
