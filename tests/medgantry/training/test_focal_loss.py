"""Focal loss, against cross-entropy and against the paper's own numbers."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from medgantry.training.focal_loss import FocalLoss


def drawn():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(40, 7, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(0, 7, (40,), generator=generator)


def test_without_focus_it_is_cross_entropy_in_value_and_gradient():
    logits, target = drawn()
    values, gradients = [], []
    for loss in (FocalLoss(gamma=0.0), cross_entropy):
        value = loss(logits, target)
        values.append(value)
        gradients.append(torch.autograd.grad(value, logits)[0])
    assert torch.allclose(*values, rtol=1e-14)
    assert torch.allclose(*gradients, rtol=1e-12)


def test_known_values():
    # Two classes, probabilities of the right one 0.9 and 0.5: (1 - p)^2 * -ln p, and their mean.
    logits = torch.tensor([[math.log(9.0), 0.0], [0.0, 0.0]], dtype=torch.float64)
    target = torch.tensor([0, 1])
    wanted = (0.1**2 * -math.log(0.9) + 0.5**2 * -math.log(0.5)) / 2
    assert float(FocalLoss()(logits, target)) == pytest.approx(wanted, rel=1e-12)
    assert float(FocalLoss(gamma=1.0)(logits[:1], target[:1])) == pytest.approx(0.1 * -math.log(0.9))


def test_an_easy_case_counts_as_little_as_the_paper_says():
    """Lin et al., section 3.2: with gamma 2, a case of probability 0.9 loses 100 times less, of 0.968 1000 times."""
    for share, factor in ((0.9, 100), (0.968, 1000)):
        logits = torch.tensor([[math.log(share / (1 - share)), 0.0]], dtype=torch.float64)
        target = torch.tensor([0])
        ratio = float(cross_entropy(logits, target) / FocalLoss()(logits, target))
        assert ratio == pytest.approx(factor, rel=0.03)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("size", [0.0, 1e-4, 20.0, 1e4, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_value_and_gradient_stay_finite_however_sure_the_network_is(gamma, size, dtype):
    logits = torch.tensor([[size, 0, 0], [0, size, 0], [-size, 0, 0]], dtype=dtype, requires_grad=True)
    loss = FocalLoss(gamma)(logits, torch.tensor([0, 0, 0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert loss >= 0
    assert torch.isfinite(logits.grad).all()
