"""What holds for every transform: a sample's randomness is its own, and what is given stays as it is."""

import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import RandFlip

from medgantry import augmentation
from medgantry.augmentation import BatchTransforms
from medgantry.errors import InvalidBundle, Mismatch

SEEDS = [3, 1_000_003, 2**32 - 1, 77]
CONFIG = [
    {"_target_": "RandomFlip", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0},
    {"_target_": "RandomFlip", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 1},
    {
        "_target_": "RandomAffine",
        "modes": {"image": "bilinear", "label": "nearest"},
        "prob": 0.5,
        "rotation": [0.5, 0.5, 0.5],
        "zoom": [0.7, 1.4],
    },
    {"_target_": "RandomGaussianNoise", "keys": "image", "prob": 0.5, "std": [0.0, 0.1]},
    {"_target_": "RandomGaussianBlur", "keys": "image", "prob": 0.5, "sigma": [0.5, 1.0]},
    {"_target_": "RandomScaleIntensity", "keys": "image", "prob": 0.5, "factors": [-0.25, 0.25]},
    {"_target_": "RandomShiftIntensity", "keys": "image", "prob": 0.5, "offsets": [-0.1, 0.1]},
    {"_target_": "RandomContrast", "keys": "image", "prob": 0.5, "factors": [0.75, 1.25]},
    {"_target_": "RandomLowResolution", "keys": "image", "prob": 0.5, "zoom": [0.5, 1.0]},
    {
        "_target_": "RandomGamma",
        "keys": "image",
        "prob": 0.5,
        "gamma": [0.7, 1.5],
        "invert_image": True,
        "retain_stats": True,
    },
]
FLAT = {"RandomAffine": {"rotation": [0.5]}}
"""What differs for images without a third axis."""


def made(name, spatial_axes=3, **changes):
    """One transform as a bundle's config makes it."""
    config = next(part for part in CONFIG if part["_target_"] == name)
    flat = FLAT.get(name, {}) if spatial_axes == 2 else {}
    target = {"_target_": f"medgantry.augmentation.{name}"}
    return ConfigParser({"it": {**config, **flat, **changes, **target}}).get_parsed_content("it")


def a_batch(samples=4, spatial_axes=3):
    generator = torch.Generator().manual_seed(0)
    shape = (11, 12, 9)[:spatial_axes]
    image = torch.randn(samples, 2, *shape, generator=generator)
    label = torch.randint(0, 2, (samples, 3, *shape), generator=generator, dtype=torch.uint8)
    return {"image": image, "label": label, "case": [f"case-{row}" for row in range(samples)]}


def test_every_transform_is_in_the_table():
    abstract = {"BatchTransforms", "RandomTransform"}
    assert {part["_target_"] for part in CONFIG} == set(augmentation.__all__) - abstract


@pytest.mark.parametrize("spatial_axes", [2, 3])
@pytest.mark.parametrize("name", sorted({part["_target_"] for part in CONFIG}))
def test_a_sample_alone_is_the_same_sample_in_any_batch(name, spatial_axes):
    transforms, batch = BatchTransforms([made(name, spatial_axes)]), a_batch(spatial_axes=spatial_axes)
    before = {key: batch[key].clone() for key in ("image", "label")}
    together = transforms(batch, SEEDS)
    changed = [not torch.equal(together["image"][row], batch["image"][row]) for row in range(4)]
    assert any(changed)
    assert not all(changed)
    for row, seed in enumerate(SEEDS):
        single = transforms({key: value[row : row + 1] for key, value in batch.items()}, [seed])
        for key in ("image", "label"):
            assert torch.allclose(single[key][0].float(), together[key][row].float(), atol=1e-6)
    turned = transforms(
        {key: value[::-1] if key == "case" else value.flip(0) for key, value in batch.items()}, SEEDS[::-1]
    )
    assert torch.allclose(turned["image"].flip(0), together["image"], atol=1e-6)
    assert together["case"] == batch["case"]
    for key, was in before.items():
        assert torch.equal(batch[key], was)
        assert together[key].dtype == was.dtype
        assert together[key].shape == was.shape


@pytest.mark.parametrize("name", sorted({part["_target_"] for part in CONFIG}))
def test_prob_decides_how_many_and_nothing_else(name):
    generator = torch.Generator().manual_seed(0)
    transform = made(name, prob=0.2)
    drawn = [transform.draw(generator) for _ in range(2000)]
    assert 330 < sum(parameters is not None for parameters in drawn) < 470
    often, seldom = (
        BatchTransforms([made(name, prob=prob), made("RandomGaussianNoise", prob=1)]) for prob in (1, 0)
    )
    assert often.trace(5)[0]["applied"]
    assert not seldom.trace(5)[0]["applied"]
    assert often.trace(5)[1] == seldom.trace(5)[1]


def test_the_whole_set_depends_on_the_seeds_alone():
    transforms = BatchTransforms([made(part["_target_"]) for part in CONFIG])
    first = transforms(a_batch(), SEEDS)
    torch.manual_seed(1)
    again = transforms(a_batch(), SEEDS)
    assert torch.equal(first["image"], again["image"])
    assert torch.equal(first["label"], again["label"])
    other = transforms(a_batch(), [seed + 1 for seed in SEEDS])
    assert not torch.equal(first["image"], other["image"])


def test_a_trace_says_what_was_applied_with_what():
    transforms = BatchTransforms([made("RandomFlip", prob=0), made("RandomShiftIntensity", prob=1)])
    batch = a_batch(samples=1)
    flip, shift = transforms.trace(9)
    assert flip == {"transform": "RandomFlip", "applied": False, "parameters": {}}
    offset = shift["parameters"]["offset"]
    assert -0.1 <= offset < 0.1
    assert torch.allclose(transforms(batch, [9])["image"], batch["image"] + offset)


def test_the_draws_are_the_ones_they_always_were():
    """Trainings that are resumed or repeated depend on them."""
    shift, affine = BatchTransforms(
        [made("RandomShiftIntensity", prob=1), made("RandomAffine", prob=1)]
    ).trace(9)
    assert shift["parameters"]["offset"] == pytest.approx(-0.03959546238, abs=1e-7)
    assert affine["parameters"]["rotation"] == pytest.approx(
        [0.277373612, 0.417964339, 0.431033611], abs=1e-6
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidBundle, match=r"RandFlip.*one sample"):
        BatchTransforms([RandFlip()])
    with pytest.raises(Mismatch, match="4 samples of 'image', and 3 seeds"):
        BatchTransforms([made("RandomFlip")])(a_batch(), [1, 2, 3])
    with pytest.raises(InvalidBundle, match="'photo', and the batch holds case, image, label"):
        BatchTransforms([made("RandomFlip", keys="photo", prob=0)])(a_batch(), SEEDS)
    with pytest.raises(InvalidBundle, match="3 spatial axes"):
        BatchTransforms([made("RandomAffine", prob=1, rotation=[0.5])])(a_batch(), SEEDS)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("RandomFlip", {"prob": 1.5}),
        ("RandomAffine", {"modes": {"image": "cubic"}}),
        ("RandomAffine", {"rotation": [0.1, 0.1]}),
        ("RandomAffine", {"zoom": [0, 1]}),
        ("RandomGaussianBlur", {"sigma": [0, 1]}),
        ("RandomLowResolution", {"zoom": [0.5, 1.5]}),
    ],
)
def test_settings_that_mean_nothing_are_refused(name, changes):
    with pytest.raises((InvalidBundle, RuntimeError), match=name):
        made(name, **changes)


def test_a_range_the_wrong_way_round_is_refused():
    with pytest.raises(InvalidBundle, match=r"\[low, high\]"):
        BatchTransforms([made("RandomShiftIntensity", offsets=[0.1, -0.1])]).trace(0)
