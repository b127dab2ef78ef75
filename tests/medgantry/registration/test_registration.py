import pytest
import torch
from monai.losses import BendingEnergyLoss, DiceLoss, LocalNormalizedCrossCorrelationLoss
from monai.networks.blocks import Warp

from medgantry.errors import InvalidInput
from medgantry.registration import DisplacementNet, RegistrationLoss, warp
from medgantry.registration.bending import bending_energy

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:monai")


def blob(middle, size=(20, 18, 16)):
    grid = torch.stack(torch.meshgrid(*[torch.arange(n, dtype=torch.float32) for n in size], indexing="ij"))
    distance = ((grid - torch.tensor(middle)[:, None, None, None]) ** 2).sum(0)
    return torch.exp(-distance / 8)[None, None]


def shift(steps, size=(20, 18, 16)):
    return torch.tensor(steps, dtype=torch.float32)[None, :, None, None, None].expand(1, 3, *size).clone()


def test_a_displacement_says_where_in_the_moving_image_a_fixed_voxel_is():
    moving, fixed = blob((11.0, 9.0, 7.0)), blob((9.0, 8.0, 8.0))
    found = warp(moving, shift((2, 1, -1)))[..., 2:-2, 2:-2, 2:-2]
    torch.testing.assert_close(found, fixed[..., 2:-2, 2:-2, 2:-2], atol=1e-6, rtol=0)


def test_warping_is_monais():
    displacement = torch.randn(1, 3, 20, 18, 16)
    monai = Warp(mode="bilinear", padding_mode="border")(blob((9, 9, 9)), displacement)
    torch.testing.assert_close(warp(blob((9, 9, 9)), displacement), monai)


def test_the_nearest_voxel_keeps_masks_masks():
    mask = (blob((9, 9, 9)) > 0.5).float()
    found = warp(mask, shift((0.4, 0.0, -0.3)), nearest=True)
    torch.testing.assert_close(found, mask)


def test_bending_energy_is_monais_and_affine_motions_have_none():
    displacement = torch.randn(2, 3, 9, 8, 7)
    torch.testing.assert_close(bending_energy(displacement), BendingEnergyLoss()(displacement))
    grid = torch.stack(torch.meshgrid(*[torch.arange(8.0)] * 3, indexing="ij"))
    affine = torch.einsum("ab,bijk->aijk", torch.randn(3, 3), grid)[None]
    assert float(bending_energy(affine)) < 1e-9


@pytest.mark.parametrize("size", [(16, 16, 16), (17, 23, 9)])
def test_a_fresh_network_moves_nothing_whatever_the_size(size):
    network = DisplacementNet(channels=4, depth=3).eval()
    with torch.no_grad():
        found = network(torch.rand(1, 2, *size))
    assert found.shape == (1, 3, *size)
    assert not found.any()


def test_a_trained_network_gives_a_smooth_field():
    torch.manual_seed(0)
    network = DisplacementNet(channels=4, depth=3, finest=2).eval()
    for layer in network.output_block.layers:
        for weights in layer.parameters():
            torch.nn.init.normal_(weights)
    with torch.no_grad():
        found = network(torch.rand(1, 2, 32, 32, 32))
    # Enlarged four times linearly, the field bends only between the coarse voxels: nearest neighbours would jump.
    steps = (found[:, :, 1:] - found[:, :, :-1]).abs().amax()
    assert 0 < float(steps) < 0.5 * float(found.max() - found.min())


def test_a_network_learns_a_shift_from_image_mask_and_bending_losses():
    torch.manual_seed(1)
    network = DisplacementNet(channels=4, depth=2)
    loss = RegistrationLoss(
        torch.nn.MSELoss(), DiceLoss(), image_weight=10, mask_weight=1, bending_weight=0.1
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    fixed, moving = blob((9.0, 8.0, 8.0)), blob((11.0, 9.0, 7.0))
    pair = torch.cat([fixed, moving, (fixed > 0.5).float(), (moving > 0.5).float()], dim=1)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(network(pair[:, :2]), pair)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert losses[-1] < 0.5 * losses[0]
    assert float(loss(shift((2, 1, -1)), pair)) < 0.02


def test_the_weights_weigh():
    image, mask = torch.nn.MSELoss(), DiceLoss()
    pair, field = torch.rand(1, 4, 8, 8, 8), torch.randn(1, 3, 8, 8, 8)

    def value(*weights):
        return float(RegistrationLoss(image, mask, *weights)(field, pair))

    total = value(2.0, 3.0, 4.0)
    assert total == pytest.approx(2 * value(1, 0, 0) + 3 * value(0, 1, 0) + 4 * value(0, 0, 1), rel=1e-5)


def test_a_pair_without_masks_has_no_mask_loss_and_three_channels_are_no_pair():
    loss = RegistrationLoss(torch.nn.MSELoss(), DiceLoss(), 1.0, 1.0, 0.0)
    pair = torch.rand(1, 4, 8, 8, 8)
    assert float(loss(shift((0, 0, 0), (8, 8, 8)), pair[:, :2])) == pytest.approx(
        float(torch.nn.MSELoss()(pair[:, :1], pair[:, 1:2])), abs=1e-6
    )
    with pytest.raises(InvalidInput, match="got 3"):
        loss(shift((0, 0, 0), (8, 8, 8)), pair[:, :3])


def test_mixed_precision_changes_the_features_and_nothing_that_counts_voxels():
    torch.manual_seed(2)
    network = DisplacementNet(channels=4, depth=2).eval()
    for weights in network.output_block.parameters():
        torch.nn.init.normal_(weights)
    loss = RegistrationLoss(LocalNormalizedCrossCorrelationLoss(smooth_dr=0.01), DiceLoss(), 1.0, 1.0, 1.0)
    pair = torch.rand(1, 4, 16, 16, 16)
    with torch.no_grad():
        field = network(pair[:, :2])
        single = loss(field, pair)
        with torch.autocast("cpu", torch.bfloat16):
            mixed_field, mixed = network(pair[:, :2]), loss(field, pair)
    assert mixed_field.dtype == torch.float32
    assert not torch.equal(mixed_field, field)
    assert not torch.equal(mixed_field, mixed_field.bfloat16().float())
    assert float(mixed) == float(single)
