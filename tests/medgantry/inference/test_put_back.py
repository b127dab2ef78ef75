"""`Invertd` and `AsDiscreted` in one pass give what MONAI's two give."""

from typing import Any

import monai.transforms as mt
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor

from medgantry.inference.put_back import Discrete, PutBack, with_proved
from medgantry.inference.way_back import find_way_back
from medgantry.transforms import FusedSpacingd, Spacingd
from tests.medgantry.transforms.agreement import SPACINGS, volumes

DISCRETE = [mt.AsDiscreted("pred", argmax=True), mt.AsDiscreted("pred", threshold=0.5)]
PLACES: list[list[Any]] = [
    [],
    [mt.CropForegroundd("image", source_key="image", select_fn=lambda voxels: voxels > 200)],
    [mt.SpatialPadd("image", [12, 30, 12]), mt.CenterSpatialCropd("image", [9, 40, 7])],
    [mt.DivisiblePadd("image", 4), mt.SpatialCropd("image", roi_start=[1, 0, 2], roi_end=[40, 3, 40])],
]


@given(
    volumes(channels=1),
    st.lists(st.sampled_from(SPACINGS), min_size=3, max_size=3),
    st.sampled_from(range(len(PLACES))),
    st.sampled_from(range(len(PLACES))),
    st.booleans(),
    st.sampled_from([*DISCRETE, None]),
    st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_the_answer_is_monais(
    image: MetaTensor,
    pixdim: list[float],
    before: int,
    after: int,
    nearest: bool,
    discrete: mt.AsDiscreted | None,
    corners: bool,
) -> None:
    spacing = mt.Spacingd("image", pixdim, mode="bilinear", align_corners=corners)
    theirs = mt.Compose(
        [*PLACES[before], mt.Orientationd("image", "RAS", labels=None), spacing, *PLACES[after]]
    )
    assume(mt.Compose(PLACES[before])({"image": image})["image"].numel())  # nothing left to resample
    prepared = theirs({"image": image})["image"]
    assume(prepared.numel())
    pred = torch.rand((3, *prepared.shape[1:]), generator=torch.Generator().manual_seed(0))
    pred[:, :2] = torch.tensor([0.0, 1.0, 1.0])[:, None, None, None]  # what is saturated ties
    data = {"image": prepared, "pred": MetaTensor(pred, meta=dict(prepared.meta))}
    invert = mt.Invertd("pred", theirs, orig_keys="image", nearest_interp=nearest)
    wanted = invert(data)
    inverted = wanted["pred"]
    wanted = discrete(wanted)["pred"] if discrete else inverted
    found = PutBack(invert, Discrete(discrete) if discrete else None, last=False)(data)["pred"]
    assert find_way_back(prepared, nearest=nearest) is not None
    assert found.shape == wanted.shape == ((3, *image.shape[1:]) if not _argmax(discrete) else image.shape)
    assert found.dtype == wanted.dtype
    torch.testing.assert_close(found.affine, inverted.affine, rtol=0, atol=1e-9)
    # One last bit of float32 for sums in another order; what is made of them is equal.
    allowed = 1.2e-7 if discrete is None and not nearest else 0
    torch.testing.assert_close(found.as_tensor(), wanted.as_tensor(), rtol=0, atol=allowed)


def _argmax(discrete: mt.AsDiscreted | None) -> bool:
    return discrete is not None and bool(discrete.argmax[0])


@pytest.fixture
def image() -> MetaTensor:
    values = torch.rand((1, 14, 12, 10), generator=torch.Generator().manual_seed(1))
    return MetaTensor(values, affine=np.diag([-0.8, -0.8, 1.5, 1.0]))


def chain(*more: Any) -> mt.Compose:
    return mt.Compose(
        [mt.Orientationd("image", "RAS", labels=None), mt.Spacingd("image", [1.1, 1.1, 1.1]), *more]
    )


class Doubled(mt.InvertibleTransform, mt.MapTransform):
    """A bundle's own: invertible, and it leaves no trace."""

    def __call__(self, data: Any) -> Any:
        return dict(data)

    def inverse(self, data: Any) -> Any:
        return {key: value * 2 for key, value in data.items()}


@pytest.mark.parametrize("other", [mt.Resized("image", [6, 6, 6]), mt.Flipd("image", 0), Doubled("image")])
def test_other_ways_are_left_to_monai(image: MetaTensor, other: Any) -> None:
    theirs = chain(other)
    prepared = theirs({"image": image})["image"]
    pred = MetaTensor(torch.rand((2, *prepared.shape[1:])), meta=dict(prepared.meta))
    invert = mt.Invertd("pred", theirs, orig_keys="image", nearest_interp=False)
    found = PutBack(invert, None, last=True)({"image": prepared, "pred": pred})["pred"]
    assert torch.equal(found, invert({"image": prepared, "pred": pred})["pred"])


def test_codes_that_nothing_follows_are_bytes(image: MetaTensor) -> None:
    theirs = chain()
    prepared = theirs({"image": image})["image"]
    pred = MetaTensor((prepared.as_tensor() * 3).round(), meta=dict(prepared.meta))
    invert = mt.Invertd("pred", theirs, orig_keys="image", nearest_interp=True)
    found = PutBack(invert, None, last=True)({"image": prepared, "pred": pred})["pred"]
    assert found.dtype == torch.uint8
    assert torch.equal(found.float(), invert({"image": prepared, "pred": pred})["pred"])


def test_a_discrete_of_more_is_monais() -> None:
    assert Discrete.is_like(mt.AsDiscreted("pred", argmax=True))
    for other in (
        {"argmax": True, "to_onehot": 3},
        {"argmax": True, "threshold": 0.5},
        {"rounding": "torchrounding"},
    ):
        assert not Discrete.is_like(mt.AsDiscreted("pred", **other))


def test_invertd_undoes_what_took_its_place() -> None:
    theirs = chain()
    invert = mt.Invertd("pred", theirs, orig_keys="image")
    ours = with_proved(theirs, mt.Compose([invert]))
    assert [type(item) for item in ours.transforms] == [FusedSpacingd]
    assert invert.transform is ours


def test_what_adds_up_in_another_order_stays_monais() -> None:
    normalize = mt.NormalizeIntensityd("image", nonzero=True, channel_wise=True)
    ours = with_proved(chain(normalize, mt.Spacingd("image", [2, 2, 2])), mt.Compose([]))
    assert [type(item) for item in ours.transforms] == [FusedSpacingd, mt.NormalizeIntensityd, Spacingd]


def test_a_preprocessing_that_invertd_does_not_undo_stays() -> None:
    theirs, lazy = chain(), mt.Compose(chain().transforms, lazy=True)
    other = mt.Invertd("pred", chain(), orig_keys="image")
    assert with_proved(theirs, mt.Compose([other])) is theirs
    assert with_proved(lazy, mt.Compose([])) is lazy
    single = mt.LoadImaged("image")
    assert with_proved(single, mt.Compose([])) is single
