"""What of a foreign bundle is replaced, and that its result stays."""

from pathlib import Path
from typing import Any

import monai.transforms as mt
import numpy as np
import pytest

from medgantry.bundles import open_bundle
from medgantry.bundles.recipe import Recipe
from medgantry.phantoms.brain_tumor import write_task
from medgantry.transforms import (
    FusedSpacingd,
    LabelsToRegionsd,
    LoadImaged,
    NormalizeIntensityd,
    Spacingd,
    replace_proved,
)
from tests.medgantry.transforms.agreement import assert_same_meta, assert_same_trace

KEYS = ["image", "label"]
REGIONS = {"TC": [2, 3], "WT": [1, 2, 3], "ET": [3]}


class Derived(mt.Spacingd):  # type: ignore[misc]
    """Somebody's own."""


def spleen() -> list[Any]:
    """The deterministic part of a Zoo-like CT bundle."""
    return [
        mt.LoadImaged(KEYS),
        mt.EnsureChannelFirstd(KEYS),
        mt.Orientationd(KEYS, "RAS"),
        mt.Spacingd(KEYS, [1.5, 1.5, 2.0], mode=["bilinear", "nearest"]),
        mt.ScaleIntensityRanged("image", -57, 164, 0, 1, clip=True),
        mt.CropForegroundd(KEYS, "image"),
        mt.EnsureTyped(KEYS),
    ]


def brain() -> list[Any]:
    """The deterministic part of a Zoo-like MRI bundle."""
    return [
        mt.LoadImaged(KEYS, ensure_channel_first=True, reader="NibabelReader"),
        LabelsToRegionsd("label", REGIONS),
        mt.Spacingd(KEYS, [1.0, 2.5, 2.0], mode=["bilinear", "nearest"]),
        mt.Orientationd(KEYS, "RAS", labels=None),
        mt.NormalizeIntensityd("image", nonzero=True, channel_wise=True),
    ]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    folder = tmp_path_factory.mktemp("task")
    write_task(folder, cases=3, broken=0, size=(48, 40, 36))
    images, labels = (sorted((folder / name).glob("BRATS*")) for name in ("imagesTr", "labelsTr"))
    return [{"image": str(a), "label": str(b)} for a, b in zip(images, labels, strict=True)]


@pytest.mark.parametrize("bundle", [spleen, brain])
def test_a_bundle_gives_the_same_with_and_without(bundle: Any, cases: list[dict[str, str]]) -> None:
    replaced, said = replace_proved(bundle())
    assert len(said) >= 3
    for case in cases:
        theirs, ours = mt.Compose(bundle())(case), mt.Compose(replaced)(case)
        for key in KEYS:
            found, wanted = ours[key].as_tensor().numpy(), theirs[key].as_tensor().numpy()
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
            assert_same_meta(ours[key].meta, theirs[key].meta)
            assert_same_trace(ours[key].applied_operations, theirs[key].applied_operations)


def test_it_says_what_it_replaced() -> None:
    replaced, said = replace_proved(spleen())
    assert said == [
        "LoadImaged of image, label",
        "Spacingd of image, label",
        "Orientationd, Spacingd of image, label in one pass",
    ]
    assert [type(transform) for transform in replaced[:3]] == [
        LoadImaged,
        mt.EnsureChannelFirstd,
        FusedSpacingd,
    ]
    assert len(replaced) == len(spleen()) - 1


def test_settings_survive() -> None:
    (found,), _ = replace_proved([mt.Spacingd(KEYS, [1.0, 2.0, 3.0], mode="nearest")])
    assert type(found) is Spacingd
    assert list(found.spacing_transform.pixdim) == [1.0, 2.0, 3.0]
    assert found.mode == ("nearest", "nearest")


@pytest.mark.parametrize(
    "transform",
    [
        mt.LoadImaged(KEYS, dtype=np.int16),
        mt.LoadImaged(KEYS, image_only=False),
        mt.LoadImaged(KEYS, as_closest_canonical=True),
        mt.LoadImaged(KEYS, reader="NumpyReader"),
        mt.Spacingd(KEYS, 1.0, mode=3),
        mt.Spacingd(KEYS, 1.0, padding_mode="zeros"),
        mt.Spacingd(KEYS, 1.0, dtype=np.float32),
        mt.Spacingd(KEYS, 1.0, dtype=None),
        mt.Spacingd(KEYS, 1.0, lazy=True),
        mt.Spacingd(KEYS, 1.0, recompute_affine=True),
        mt.NormalizeIntensityd(KEYS),
        mt.NormalizeIntensityd(KEYS, nonzero=True, subtrahend=3.0),
        mt.NormalizeIntensityd(KEYS, nonzero=True, dtype=None),
        Derived(KEYS, 1.0),
        mt.CropForegroundd(KEYS, "image"),
    ],
)
def test_what_is_not_proved_stays(transform: Any) -> None:
    replaced, said = replace_proved([transform])
    assert replaced[0] is transform
    assert said == []


def test_the_bundle_itself_is_not_changed() -> None:
    transforms = [mt.Spacingd(KEYS, 1.0), mt.NormalizeIntensityd(KEYS, nonzero=True)]
    inner = transforms[0].spacing_transform.sp_resample, transforms[1].normalizer
    replaced, _ = replace_proved(transforms)
    assert [type(transform) for transform in replaced] == [Spacingd, NormalizeIntensityd]
    assert (transforms[0].spacing_transform.sp_resample, transforms[1].normalizer) == inner


def test_our_bundle_gives_what_monais_transforms_give(cases: list[dict[str, str]], tmp_path: Path) -> None:
    bundle = open_bundle("medgantry:brain_tumor_segmentation", "", tmp_path / "bundle")
    theirs = mt.Compose(
        [
            mt.LoadImaged(KEYS, ensure_channel_first=True),
            LabelsToRegionsd("label", REGIONS),
            mt.Orientationd(KEYS, "RAS", labels=None),
            mt.Spacingd(KEYS, [1.5, 1.5, 2.0], mode=["bilinear", "nearest"]),
            mt.NormalizeIntensityd("image", nonzero=True, channel_wise=True),
        ]
    )
    stored = Recipe(bundle, REGIONS).deterministic
    assert "FusedSpacingd" in [type(transform).__name__ for transform in stored.transforms]
    for case in cases:
        wanted, found = theirs(case), stored(case)
        for key in KEYS:
            np.testing.assert_allclose(found[key].numpy(), wanted[key].numpy(), rtol=0, atol=1e-5)
            assert np.array_equal(found[key].affine, wanted[key].affine)
