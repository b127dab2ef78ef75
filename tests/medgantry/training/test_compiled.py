"""Compiled networks: the same numbers under the same names, or an error."""

import copy
import shutil

import pytest
import torch

from medgantry.errors import InvalidBundle
from medgantry.training.compiled import compile_in_place, naming_compile_errors


@pytest.fixture(autouse=True)
def forgotten():
    yield
    torch._dynamo.reset()


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(6, 4)

    def forward(self, images):
        return torch.nn.functional.softplus(self.linear(images), beta=3.25)


class Loss(torch.nn.Module):
    def forward(self, outputs, labels):
        return ((outputs - labels) ** 2).mean()


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles for a CPU with a C++ compiler")
def test_a_compiled_training_step_is_the_plain_one(monkeypatch):
    monkeypatch.setattr(torch._inductor.config, "compile_threads", 1)  # without a pool of processes
    torch.manual_seed(0)
    network = Network()
    images, labels = torch.randn(5, 6), torch.randn(5, 4)
    found, names = [], list(network.state_dict())
    for compiled in (False, True):
        loss = Loss()
        if compiled:
            compile_in_place(network, loss)
        network.zero_grad()
        with naming_compile_errors():
            value = loss(network(images), labels)
            value.backward()
        found.append([value.detach(), *(weight.grad.clone() for weight in network.parameters())])
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2
    assert list(network.state_dict()) == names
    assert all(torch.allclose(*pair, atol=1e-5) for pair in zip(*found, strict=True))


def test_what_cannot_be_compiled_is_an_error(monkeypatch):
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "no-such-compiler"))
    monkeypatch.setattr(torch._inductor.config, "force_disable_caches", True)
    network = Network()
    compile_in_place(network, torch.nn.functional.mse_loss)
    with pytest.raises(InvalidBundle, match=r"compile: true.*compile: false"), naming_compile_errors():
        network(torch.ones(2, 6))


def test_what_torch_would_pass_over_without_a_word_is_refused():
    with pytest.raises(InvalidBundle, match="no bare Sequential"):
        compile_in_place(torch.nn.Sequential(torch.nn.Linear(3, 3)), torch.nn.functional.mse_loss)
    network = Network()
    compile_in_place(network, torch.nn.MSELoss())
    assert copy.deepcopy(network).forward.__self__ is not network
