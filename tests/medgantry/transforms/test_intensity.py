"""NormalizeIntensityd against MONAI's."""

from typing import Any

import monai.transforms
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor

from medgantry.transforms import NormalizeIntensityd
from tests.medgantry.transforms.agreement import assert_agree, volumes


@given(volumes(), st.booleans(), st.sampled_from([0.0, 3000.0]))
@settings(deadline=None, max_examples=50)
def test_what_is_not_background_is_normalised(image: MetaTensor, channel_wise: bool, level: float) -> None:
    image = image + level * (image.as_tensor() != 0)
    arguments = {"nonzero": True, "channel_wise": channel_wise}
    theirs = monai.transforms.NormalizeIntensityd("image", **arguments)({"image": image.clone()})
    ours = NormalizeIntensityd("image", **arguments)({"image": image.clone()})
    assert_agree_normalised(ours, theirs)


def assert_agree_normalised(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """A voxel at the mean is 0 by chance, in one or the other: the values count."""
    torch.testing.assert_close(ours["image"].as_tensor(), theirs["image"].as_tensor(), rtol=0, atol=1e-5)
    assert torch.equal(ours["image"].affine, theirs["image"].affine)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_constant_channels_stay_finite(value: float) -> None:
    image = MetaTensor(torch.full((1, 4, 4, 4), value), affine=np.eye(4))
    arguments = {"nonzero": True, "channel_wise": True}
    theirs = monai.transforms.NormalizeIntensityd("image", **arguments)({"image": image.clone()})
    assert_agree(
        NormalizeIntensityd("image", **arguments)({"image": image.clone()}), theirs, exact=("image",)
    )


@pytest.mark.parametrize("settings", [{}, {"nonzero": True, "subtrahend": 3.0, "divisor": 2.0}])
def test_other_settings_are_left_to_monai(settings: dict[str, Any]) -> None:
    image = MetaTensor(torch.arange(1.0, 25.0).reshape(1, 2, 3, 4), affine=np.eye(4))
    theirs = monai.transforms.NormalizeIntensityd("image", **settings)({"image": image.clone()})
    assert_agree(NormalizeIntensityd("image", **settings)({"image": image.clone()}), theirs, exact=("image",))
