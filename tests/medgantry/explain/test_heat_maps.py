import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.networks.nets import DenseNet
from monai.visualize import GradCAMpp

from medgantry.errors import InvalidBundle, InvalidInput
from medgantry.explain import grad_cam_pp, occlusion, smooth_grad
from medgantry.explain.target_layer import last_spatial_layer

SIZE = (36, 48)
Method = Callable[[torch.nn.Module, torch.Tensor, int], np.ndarray]


def _seeded_smooth_grad(network: torch.nn.Module, image: torch.Tensor, class_index: int) -> np.ndarray:
    return smooth_grad(network, image, class_index, seed=3)


METHODS = [grad_cam_pp, occlusion, _seeded_smooth_grad]
every_method = pytest.mark.parametrize("method", METHODS)


class Gate(torch.nn.Module):
    """Lets feature 0 pass in the upper right quarter only, feature 1 in the lower left one."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        rows, columns = features.shape[2] // 2, features.shape[3] // 2
        gate = torch.zeros_like(features[:1])
        gate[0, 0, :rows, columns:] = 1
        gate[0, 1, rows:, :columns] = 1
        return features * gate


def _network(channels: int = 1, weight: float = 30.0) -> torch.nn.Sequential:
    """The mean brightness above 0.5 of one quarter is one class's logit."""
    convolution = torch.nn.Conv2d(channels, 2, 1)
    torch.nn.init.constant_(convolution.weight, 1 / channels)
    torch.nn.init.constant_(convolution.bias, -0.5)
    answer = torch.nn.Linear(2, 2)
    answer.weight.data = torch.eye(2) * weight
    torch.nn.init.zeros_(answer.bias)
    pool, flatten = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return torch.nn.Sequential(convolution, torch.nn.ReLU(inplace=True), Gate(), pool, flatten, answer).eval()


def _image(channels: int = 1) -> torch.Tensor:
    """A chessboard: all quarters are alike."""
    board = (torch.arange(SIZE[0])[:, None] + torch.arange(SIZE[1])) % 2
    return board.float().repeat(1, channels, 1, 1)


@every_method
@pytest.mark.parametrize("channels", [1, 3])
def test_maps_point_at_the_quarter_that_decides(method: Method, channels: int) -> None:
    rows, columns = SIZE[0] // 2, SIZE[1] // 2
    quarters = (slice(0, rows), slice(columns, None)), (slice(rows, None), slice(0, columns))
    for class_index, quarter in enumerate(quarters):
        found = method(_network(channels), _image(channels), class_index)
        assert found.shape == SIZE
        assert found.dtype == np.float32
        assert (found.min(), found.max()) == (0.0, 1.0)
        strongest = np.zeros(SIZE, dtype=bool)
        strongest.ravel()[np.argsort(found, axis=None)[-found.size // 10 :]] = True
        assert strongest[quarter].sum() == strongest.sum()


@every_method
def test_the_network_and_the_image_stay_as_they_came(method: Method) -> None:
    network, image = _network(), _image()
    network[0].bias.requires_grad_(False)
    network(image).sum().backward()
    weights, gradient = copy.deepcopy(network.state_dict()), network[0].weight.grad.clone()
    before, state = image.clone(), torch.get_rng_state()
    method(network, image, 0)
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())
    assert torch.equal(network[0].weight.grad, gradient)
    assert [weight.requires_grad for weight in network.parameters()] == [True, False, True, True]
    assert not any(
        module._forward_hooks or module._backward_hooks or module._forward_pre_hooks or module.training
        for module in network.modules()
    )
    assert network[1].inplace
    assert torch.equal(image, before)
    assert not image.requires_grad
    assert image.grad is None
    assert torch.equal(torch.get_rng_state(), state)


@every_method
def test_the_same_question_has_the_same_answer_in_any_mode(method: Method) -> None:
    network, image = _network(), _image()
    first = method(network, image, 1)
    torch.rand(5)
    assert np.array_equal(method(network, image, 1), first)
    with torch.inference_mode():
        assert np.array_equal(method(network, MetaTensor(image), 1), first)
        made_here = copy.deepcopy(network)
    assert np.array_equal(method(made_here, image, 1), first)


def test_the_seed_decides_the_noise() -> None:
    network, image = _network(), _image()
    assert not np.array_equal(smooth_grad(network, image, 0, 1), smooth_grad(network, image, 0, 2))


@every_method
def test_an_answer_that_depends_on_nothing_gives_zeros(method: Method) -> None:
    assert not method(_network(weight=0.0), _image(), 0).any()


@every_method
def test_what_cannot_be_explained_is_refused(method: Method) -> None:
    for class_index in (-1, 2):
        with pytest.raises(InvalidInput, match=f"from 0 to 1, found {class_index}"):
            method(_network(), _image(), class_index)
    for image in (_image()[0], _image().repeat(2, 1, 1, 1)):
        with pytest.raises(InvalidInput, match="one image"):
            method(_network(), image, 0)
    with pytest.raises(InvalidBundle, match="finite"):
        method(_network(weight=float("nan")), _image(), 0)
    with pytest.raises(InvalidBundle, match="logits"):
        method(_network()[:2], _image(), 0)


def test_a_network_without_a_spatial_layer_is_refused() -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIZE[0] * SIZE[1], 2)).eval()
    with pytest.raises(InvalidBundle, match="more than one pixel"):
        grad_cam_pp(flat, _image(), 0)
    assert occlusion(flat, _image(), 0).shape == SIZE
    assert not any(module._forward_hooks for module in flat.modules())


class Reusing(torch.nn.Module):
    """Ends with a module that it also used before."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Conv2d(1, 2, 3), torch.nn.Conv2d(2, 2, 3)
        self.relu, self.answer = torch.nn.ReLU(), torch.nn.Linear(2, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.relu(self.second(self.relu(self.first(image))))
        return self.answer(features.mean(dim=(2, 3)))


def test_the_layer_is_the_last_that_runs_once() -> None:
    assert last_spatial_layer(_network(), _image()) == "2"
    assert last_spatial_layer(Reusing(), _image()) == "second"
    assert (
        last_spatial_layer(torch.nn.Sequential(_network()[:3], torch.nn.AdaptiveAvgPool2d(1)), _image())
        == "0"
    )


def test_great_logits_do_not_overflow() -> None:
    usual, great = (grad_cam_pp(_network(weight=weight), _image(), 0) for weight in (1.0, 1e4))
    assert np.abs(usual - great).max() < 1e-5


def test_a_single_logit_is_that_of_a_yes() -> None:
    network = _network()
    network[5] = torch.nn.Linear(2, 1)
    network[5].weight.data = torch.tensor([[30.0, 0.0]])
    found = occlusion(network.eval(), _image(), 0)
    assert found[: SIZE[0] // 2, SIZE[1] // 2 :].mean() > 3 * found.mean() / 2
    assert found.max() == 1.0


def test_a_densenet_gives_what_monai_gives_for_its_own_example() -> None:
    torch.manual_seed(0)
    network = DenseNet(2, 1, 3, init_features=8, growth_rate=4, block_config=(2, 2)).eval()
    image = torch.rand(1, 1, 64, 80)
    assert last_spatial_layer(network, image) == "class_layers.relu"
    found = grad_cam_pp(network, image, 1)
    direct = GradCAMpp(network, "class_layers.relu")(image, class_idx=1)
    assert np.abs(found - (1 - direct[0, 0].numpy())).max() < 1e-5
