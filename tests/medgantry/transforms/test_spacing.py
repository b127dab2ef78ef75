"""Spacingd against MONAI's."""

import monai.transforms
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor

import medgantry.transforms
from medgantry.transforms import Spacingd
from medgantry.transforms.separable import lines_of
from tests.medgantry.transforms.agreement import SPACINGS, assert_agree, volumes

pixdims = st.lists(st.sampled_from(SPACINGS), min_size=3, max_size=3)


@given(volumes(), volumes(channels=1), pixdims, st.booleans())
@settings(deadline=None, max_examples=60)
def test_both_modes_give_monais_result(
    image: MetaTensor, label: MetaTensor, pixdim: list[float], align_corners: bool
) -> None:
    arguments = {"pixdim": pixdim, "mode": ["bilinear", "nearest"], "align_corners": align_corners}
    data = {"image": image, "label": label}
    ours = Spacingd(["image", "label"], **arguments)(data)
    theirs = monai.transforms.Spacingd(["image", "label"], **arguments)(data)
    assert_agree(ours, theirs, exact=("label",))


@given(volumes(), pixdims, st.sampled_from(["diagonal", "scale_extent", "max_pixdim"]))
@settings(deadline=None, max_examples=25)
def test_other_ways_to_choose_the_grid(image: MetaTensor, pixdim: list[float], choice: str) -> None:
    arguments = {"pixdim": pixdim, choice: [4.0] * 3 if choice == "max_pixdim" else True}
    ours = Spacingd(["image"], **arguments)({"image": image})
    assert_agree(ours, monai.transforms.Spacingd(["image"], **arguments)({"image": image}))


@given(volumes(channels=1), pixdims)
@settings(deadline=None, max_examples=20)
def test_the_inverse_is_monais(image: MetaTensor, pixdim: list[float]) -> None:
    transforms = Spacingd(["image"], pixdim), monai.transforms.Spacingd(["image"], pixdim)
    ours, theirs = (transform.inverse(transform({"image": image})) for transform in transforms)
    assert_agree(ours, theirs)


@given(volumes(), pixdims)
@settings(deadline=None, max_examples=40)
def test_values_are_monais_to_the_last_bit(image: MetaTensor, pixdim: list[float]) -> None:
    ours, theirs = (
        module.Spacingd(["image"], pixdim)({"image": image})["image"].as_tensor()
        for module in (medgantry.transforms, monai.transforms)
    )
    torch.testing.assert_close(ours, theirs, rtol=1.2e-7, atol=1e-10)


def test_half_voxels_go_where_monai_sends_them() -> None:
    image = MetaTensor(torch.arange(1.0, 14.0)[None, :, None, None], affine=np.eye(4))
    found = Spacingd(["image"], [1.5, 1, 1], mode="nearest")({"image": image})["image"]
    wanted = monai.transforms.Spacingd(["image"], [1.5, 1, 1], mode="nearest")({"image": image})["image"]
    assert torch.equal(found, wanted)


@pytest.mark.parametrize("tilt", [1e-12, 1e-3, 0.3])
def test_an_oblique_grid_is_left_to_monai(tilt: float) -> None:
    rng = np.random.default_rng(0)
    affine = np.eye(4)
    affine[0, 1] = tilt
    image = MetaTensor(torch.from_numpy(rng.normal(size=(1, 9, 8, 7)).astype(np.float32)), affine=affine)
    spacing = Spacingd(["image"], [1.5, 1.5, 2.0])
    resampler = spacing.spacing_transform.sp_resample
    straight = MetaTensor(image.as_tensor(), affine=np.eye(4))
    target = torch.diag(torch.tensor([1.5, 1.5, 2.0, 1.0]))
    assert resampler.plan(straight, target, (6, 5, 4), mode="bilinear") is not None
    assert resampler.plan(image, target, (6, 5, 4), mode="bilinear") is None
    assert torch.equal(
        spacing({"image": image})["image"],
        monai.transforms.Spacingd(["image"], [1.5, 1.5, 2.0])({"image": image})["image"],
    )


@pytest.mark.parametrize(
    "settings",
    [{"mode": 3}, {"padding_mode": "zeros"}, {"dtype": np.float32}, {"padding_mode": "reflection"}],
)
def test_other_settings_are_left_to_monai(settings: dict[str, object]) -> None:
    rng = np.random.default_rng(0)
    image = MetaTensor(torch.from_numpy(rng.normal(size=(1, 9, 8, 7)).astype(np.float32)), affine=np.eye(4))
    ours = Spacingd(["image"], [1.5, 0.7, 2.0], **settings)({"image": image})["image"]
    theirs = monai.transforms.Spacingd(["image"], [1.5, 0.7, 2.0], **settings)({"image": image})["image"]
    assert torch.equal(ours, theirs)


def test_a_weight_of_rounding_is_kept() -> None:
    # At 1.1 to 3.3 mm, MONAI's coordinates miss whole voxels by 1e-16: background becomes 1e-14, not 0.
    for size in range(20, 60):
        image = MetaTensor(
            (torch.arange(size) % 3 == 1).float()[None, :, None, None], affine=np.diag([1.1, 1, 1, 1])
        )
        assert_agree(
            Spacingd(["image"], [3.3, 1, 1])({"image": image}),
            monai.transforms.Spacingd(["image"], [3.3, 1, 1])({"image": image}),
        )


def test_an_axis_along_two_has_no_lines() -> None:
    xform = np.eye(4)
    xform[0, 1] = 1e-9
    assert lines_of(xform, (4, 4, 4), (4, 4, 4), mode="bilinear", align_corners=False) is None
