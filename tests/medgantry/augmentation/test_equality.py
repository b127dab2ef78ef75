"""Each transform with given parameters, against MONAI, SciPy or the definition."""

import numpy as np
import pytest
import torch
from monai.transforms import (
    AdjustContrast,
    Affine,
    Flip,
    RandFlip,
    RandScaleIntensity,
    RandShiftIntensity,
    RandSimulateLowResolution,
    ScaleIntensity,
)
from scipy.ndimage import gaussian_filter

from medgantry.augmentation import (
    RandomAffine,
    RandomContrast,
    RandomFlip,
    RandomGamma,
    RandomGaussianBlur,
    RandomGaussianNoise,
    RandomLowResolution,
    RandomScaleIntensity,
    RandomShiftIntensity,
)
from medgantry.augmentation.affine import rotation_matrix
from medgantry.augmentation.noise_field import standard_normal


def volumes(shape=(17, 20, 13), channels=2, samples=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(samples, channels, *shape, generator=generator)


def stacked(**parameters):
    return {name: torch.tensor(values) for name, values in parameters.items()}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flip_is_monais(axis):
    images = volumes()
    found = RandomFlip("image", 1, axis).apply("image", images, {})
    for row in range(2):
        assert torch.equal(found[row], RandFlip(prob=1, spatial_axis=axis)(images[row]).as_tensor())
        assert torch.equal(found[row], Flip(spatial_axis=axis)(images[row]).as_tensor())


@pytest.mark.parametrize(
    ("shape", "angles", "zoom"),
    [
        ((17, 20, 13), [0.4, 0.0, 0.0], 1.0),
        ((17, 20, 13), [0.0, -0.3, 0.0], 1.0),
        ((17, 20, 13), [0.0, 0.0, 0.5], 0.83),
        ((17, 20, 13), [0.4, -0.3, 0.5], 1.3),
        ((21, 14), [0.7], 1.2),
    ],
)
def test_affine_is_monais(shape, angles, zoom):
    images = volumes(shape, channels=1)
    labels = (images > 0.5).to(torch.uint8)
    transform = RandomAffine({"image": "bilinear", "label": "nearest"}, 1, angles, [zoom, zoom])
    parameters = {"matrix": (rotation_matrix(angles) / zoom).expand(2, -1, -1)}
    found = transform.apply("image", images, parameters), transform.apply("label", labels, parameters)
    for given, mine, mode in zip((images, labels), found, ("bilinear", "nearest"), strict=True):
        peer = Affine(
            rotate_params=angles, scale_params=[1 / zoom] * len(shape), mode=mode, padding_mode="zeros"
        )
        for row in range(2):
            wanted = peer(given[row].float())[0].as_tensor()
            assert torch.allclose(mine[row].float(), wanted, atol=1e-5)
    assert not torch.allclose(found[0], images, atol=0.1)
    assert found[1].dtype == torch.uint8


def test_an_affine_of_nothing_changes_nothing_and_a_zoom_enlarges():
    images = torch.zeros(1, 1, 16, 16, 16)
    images[..., 6:10, 6:10, 6:10] = 1
    transform = RandomAffine({"image": "bilinear"}, 1, [0, 0, 0], [1, 1])
    same = transform.apply("image", images, stacked(matrix=[torch.eye(3).tolist()]))
    assert torch.allclose(same, images, atol=1e-6)
    larger = transform.apply("image", images, stacked(matrix=[(torch.eye(3) / 2).tolist()]))
    assert larger.sum() > 6 * images.sum()


def test_drawn_matrices_are_rotations_over_the_zoom():
    transform = RandomAffine({"image": "bilinear"}, 1, [0.5, 0.2, 0.1], [0.7, 1.4])
    generator = torch.Generator().manual_seed(0)
    drawn = [transform.decide(generator) for _ in range(200)]
    for parameters in drawn:
        turn = parameters["matrix"] * parameters["zoom"]
        assert torch.allclose(turn @ turn.T, torch.eye(3), atol=1e-6)
    angles = torch.stack([parameters["rotation"] for parameters in drawn])
    assert torch.allclose(angles.abs().amax(0), torch.tensor([0.5, 0.2, 0.1]), rtol=0.05)
    zooms = torch.stack([parameters["zoom"] for parameters in drawn])
    assert 0.7 <= zooms.min() < 0.72
    assert 1.38 < zooms.max() < 1.4


def test_scale_and_shift_are_monais():
    images = volumes()
    scaled = RandomScaleIntensity("image", 1, [-1, 1]).apply("image", images, stacked(factor=[0.2, -0.3]))
    shifted = RandomShiftIntensity("image", 1, [-1, 1]).apply("image", images, stacked(offset=[0.2, -0.3]))
    for row, value in enumerate((0.2, -0.3)):
        monais = RandScaleIntensity(factors=(value, value), prob=1)(images[row]).as_tensor()
        assert torch.allclose(scaled[row], monais, atol=1e-6)
        assert torch.allclose(
            scaled[row],
            ScaleIntensity(minv=None, maxv=None, factor=value)(images[row]).as_tensor(),
            atol=1e-6,
        )
        moved = RandShiftIntensity(offsets=(value, value), prob=1)(images[row]).as_tensor()
        assert torch.allclose(shifted[row], moved, atol=1e-6)


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("invert", [False, True])
def test_gamma_is_monais_on_each_channel(invert, retain):
    images = volumes()
    transform = RandomGamma("image", 1, [0.5, 2], invert_image=invert, retain_stats=retain)
    found = transform.apply("image", images, stacked(gamma=[0.7, 1.5]))
    for row, gamma in enumerate((0.7, 1.5)):
        peer = AdjustContrast(gamma, invert_image=invert, retain_stats=retain)
        for channel in range(2):
            wanted = peer(images[row, channel : channel + 1]).as_tensor()
            assert torch.allclose(found[row, channel : channel + 1], wanted, atol=1e-5)


def test_a_constant_channel_has_no_gamma_and_no_contrast():
    flat = torch.full((1, 1, 4, 4, 4), 3.0)
    bent = RandomGamma("image", 1, [0.5, 2], retain_stats=True).apply("image", flat, stacked(gamma=[0.7]))
    spread = RandomContrast("image", 1, [0.5, 2]).apply("image", flat, stacked(factor=[2.0]))
    assert torch.allclose(bent, flat)
    assert torch.allclose(spread, flat)


def test_contrast_spreads_about_the_mean_within_the_range():
    images = volumes()
    found = RandomContrast("image", 1, [0.5, 2]).apply("image", images, stacked(factor=[0.5, 1.5]))
    for row, factor in enumerate((0.5, 1.5)):
        for channel in range(2):
            source = images[row, channel].numpy()
            wanted = (source - source.mean()) * factor + source.mean()
            wanted = np.clip(wanted, source.min(), source.max())
            assert np.allclose(found[row, channel].numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(17, 20, 13), (9, 30)])
def test_blur_is_scipys(shape):
    images = volumes(shape)
    found = RandomGaussianBlur("image", 1, [0.5, 1.5]).apply("image", images, stacked(sigma=[0.5, 1.4]))
    for row, sigma in enumerate((0.5, 1.4)):
        for channel in range(2):
            wanted = gaussian_filter(images[row, channel].numpy(), sigma, mode="nearest", truncate=4.0)
            assert np.allclose(found[row, channel].numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("zoom", [0.5, 0.61, 0.83, 1.0])
def test_low_resolution_is_monais(zoom):
    images = volumes()
    found = RandomLowResolution("image", 1, [0.5, 1]).apply("image", images, stacked(zoom=[zoom, zoom]))
    for row in range(2):
        wanted = RandSimulateLowResolution(prob=1, zoom_range=(zoom, zoom))(images[row]).as_tensor()
        assert torch.allclose(found[row], wanted, atol=1e-5)


def test_noise_is_normal_and_of_the_drawn_size():
    images = torch.zeros(2, 2, 32, 32, 32)
    found = RandomGaussianNoise("image", 1, [0, 1]).apply(
        "image",
        images,
        {"std": torch.tensor([0.5, 2.0]), "seed": torch.tensor([[1, 2], [1, 3]], dtype=torch.int32)},
    )
    values = found.flatten(1) / torch.tensor([[0.5], [2.0]])
    assert torch.allclose(values.mean(1), torch.zeros(2), atol=0.02)
    assert torch.allclose(values.std(1), torch.ones(2), atol=0.02)
    assert torch.allclose((values**4).mean(1), torch.full((2,), 3.0), atol=0.15)


def test_noise_of_different_seeds_and_neighbours_is_uncorrelated():
    seeds = torch.tensor([[0, 0], [0, 1], [1, 0], [2**31 - 1, -(2**31)]], dtype=torch.int32)
    field = standard_normal(seeds, 2**16)
    assert torch.allclose(torch.corrcoef(field), torch.eye(4), atol=0.02)
    for step in (1, 2, 64, 4096, 2**15):
        assert abs(float((field[:, step:] * field[:, :-step]).mean())) < 0.01
    # Seeds that differ by one must not give one sequence, shifted by one.
    assert not torch.isin(field[0], field[2]).float().mean() > 0.01


def test_noise_of_an_odd_length_starts_as_any_other():
    seed = torch.tensor([[5, 6]], dtype=torch.int32)
    assert standard_normal(seed, 7).shape == (1, 7)
    assert torch.isfinite(standard_normal(seed, 10**6)).all()


def test_the_noise_is_the_one_it_always_was():
    """Trainings that are resumed or repeated depend on it."""
    found = standard_normal(torch.tensor([[5, 6]], dtype=torch.int32), 4)[0].tolist()
    assert found == pytest.approx([1.05091381, -0.12023766, 0.31495342, 0.74119228], abs=1e-5)
