"""Novograd's steps, against MONAI's."""

import copy

import pytest
import torch
from monai.optimizers import Novograd as MonaiNovograd

from medgantry.training.novograd import Novograd


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))


def trained(model, optimizer, steps, first=0):
    for step in range(first, first + steps):
        images = torch.randn(8, 5, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(images).square().sum().backward()
        optimizer.step()
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


@pytest.mark.parametrize("settings", [{}, {"lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.5)}])
def test_steps_are_monais(settings):
    ours, theirs = network(), network()
    found = trained(ours, Novograd(ours.parameters(), **settings), 30)
    wanted = trained(theirs, MonaiNovograd(theirs.parameters(), **settings), 30)
    assert torch.allclose(found, wanted, atol=1e-6)
    assert not torch.allclose(found, trained(network(), torch.optim.SGD([torch.zeros(1)]), 0), atol=1e-3)


def test_a_resumed_optimizer_goes_on():
    straight = network()
    wanted = trained(straight, Novograd(straight.parameters(), lr=0.05), 10)
    model = network()
    first = Novograd(model.parameters(), lr=0.05)
    trained(model, first, 4)
    again = Novograd(model.parameters())
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    assert torch.equal(trained(model, again, 6, first=4), wanted)


def test_weights_without_a_gradient_stay():
    model = network()
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    trained(model, Novograd(model.parameters(), lr=0.5), 3)
    assert torch.equal(model[0].weight, before)
