"""Fused optimizers, from a bundle's own config."""

import pytest
import torch
from monai.bundle import ConfigParser

from medgantry.bundles.fused import with_fused


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_what_knows_it_gets_it_and_trains_the_same(name):
    config = {"_target_": f"torch.optim.{name}", "params": "$@network.parameters()", "lr": 0.01}
    ends = []
    for chosen in (config, with_fused(config)):
        torch.manual_seed(0)
        parser = ConfigParser({"network": torch.nn.Linear(5, 3), "optimizer": chosen})
        optimizer, network = parser.get_parsed_content("optimizer"), parser.get_parsed_content("network")
        for _ in range(5):
            optimizer.zero_grad()
            network(torch.ones(2, 5)).square().sum().backward()
            optimizer.step()
        ends.append(network.weight.detach())
    assert optimizer.param_groups[0]["fused"] is True
    assert torch.allclose(*ends, atol=1e-6)


@pytest.mark.parametrize(
    "config",
    [
        {"_target_": "monai.optimizers.Novograd", "lr": 0.01},
        {"_target_": "Novograd", "lr": 0.01},
        {"_target_": "torch.optim.Adam", "fused": False},
        {"_target_": "torch.optim.Adam", "foreach": True},
        {"_target_": "torch.optim.LBFGS"},
        {"_target_": "$make_optimizer"},
    ],
)
def test_the_others_stay_as_they_are(config):
    assert with_fused(config) == config
