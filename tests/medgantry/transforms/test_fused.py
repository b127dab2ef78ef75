"""Turning, resampling and cropping in one pass, against one after another."""

from typing import Any

import monai.transforms
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor

from medgantry.errors import InvalidInput
from medgantry.transforms import FusedSpacingd, Spacingd
from medgantry.transforms import fused as module
from tests.medgantry.transforms.agreement import SPACINGS, assert_agree, volumes

KEYS = ["image", "label"]
MODES = ["bilinear", "nearest"]
CROPS = [
    None,
    monai.transforms.CenterSpatialCropd(KEYS, [8, 7, 40]),
    monai.transforms.CenterSpatialCropd(KEYS, [5, -1, 6]),
    monai.transforms.SpatialCropd(KEYS, roi_start=[0, 2, 1], roi_end=[5, 9, 3]),
]


def chain(pixdim: list[float], codes: str, crop: Any, spacing: Any = monai.transforms.Spacingd) -> list[Any]:
    turn = monai.transforms.Orientationd(KEYS, codes, labels=None)
    return [turn, spacing(KEYS, pixdim, mode=MODES), *([] if crop is None else [crop])]


@given(
    volumes(),
    st.lists(st.sampled_from(SPACINGS), min_size=3, max_size=3),
    st.sampled_from(["RAS", "LPS", "SRA", "AIL"]),
    st.sampled_from(CROPS),
)
@settings(deadline=None, max_examples=60)
def test_one_pass_gives_what_three_give(
    image: MetaTensor, pixdim: list[float], codes: str, crop: Any
) -> None:
    data = {"image": image, "label": image[:1].clone()}
    theirs = monai.transforms.Compose(chain(pixdim, codes, crop))(data)
    ours = FusedSpacingd(chain(pixdim, codes, crop, Spacingd))(data)
    assert_agree(ours, theirs, exact=("label",))


@given(volumes(channels=1), st.sampled_from(CROPS))
@settings(deadline=None, max_examples=20)
def test_the_inverse_undoes_all(image: MetaTensor, crop: Any) -> None:
    data = {"image": image, "label": image.clone()}
    theirs = monai.transforms.Compose(chain([1.5, 1.0, 2.0], "LPS", crop))
    ours = monai.transforms.Compose([FusedSpacingd(chain([1.5, 1.0, 2.0], "LPS", crop, Spacingd))])
    assert_agree(ours.inverse(ours(data)), theirs.inverse(theirs(data)), exact=("label",))


def test_only_what_the_crop_keeps_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    image = MetaTensor(torch.rand(1, 30, 30, 30), affine=np.eye(4))
    made = []
    original = module.resample
    monkeypatch.setattr(module, "resample", lambda *given: made.append(original(*given)) or made[-1])
    crop = monai.transforms.CenterSpatialCropd(KEYS, [4, 4, 4])
    FusedSpacingd(chain([1.5, 1.5, 1.5], "LAS", crop, Spacingd))({"image": image, "label": image})
    assert [tuple(volume.shape) for volume in made] == [(1, 4, 4, 4)] * 2


def test_an_oblique_grid_goes_one_by_one() -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.2
    image = MetaTensor(torch.rand(1, 12, 11, 10), affine=affine)
    data = {"image": image, "label": image.clone()}
    ours = FusedSpacingd(chain([1.5, 1.5, 2.0], "LAS", CROPS[1], Spacingd))(data)
    assert_agree(
        ours, monai.transforms.Compose(chain([1.5, 1.5, 2.0], "LAS", CROPS[1]))(data), exact=tuple(KEYS)
    )


@pytest.mark.parametrize(
    "transforms",
    [
        [monai.transforms.Orientationd(KEYS, "RAS", labels=None)],
        [monai.transforms.Spacingd(KEYS, 1.0)],
        [Spacingd(KEYS, 1.0), monai.transforms.CropForegroundd(KEYS, "image")],
        [Spacingd(KEYS, 1.0), monai.transforms.CenterSpatialCropd(["image"], [4, 4, 4])],
        [Spacingd(KEYS, 1.0), Spacingd(KEYS, 2.0)],
        [Spacingd(KEYS, 1.0, lazy=True)],
    ],
)
def test_other_chains_are_refused(transforms: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="found"):
        FusedSpacingd(transforms)
