"""Novograd, without waiting for the GPU.

Source: Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks,
2019 (arXiv 1905.11286). MONAI's looks at one number per weight in every step, and the host waits for each.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import Optimizer


class Novograd(Optimizer):
    """A gradient over the running norm of its layer, with momentum: the steps of `monai.optimizers.Novograd`.

    Args:
        params: Weights, or groups of them.
        lr: Learning rate.
        betas: Of the momentum, and of the squared norm's running mean [1].
        eps: Added to the norm.
        weight_decay: Share of a weight that is added to its gradient [1].
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the weights that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._update(group, weights)
        return loss

    def _update(self, group: dict[str, Any], weights: list[torch.Tensor]) -> None:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {"exp_avg": torch.zeros_like(weight), "exp_avg_sq": weight.new_zeros([])}
        momentum, second = group["betas"]
        averages = [self.state[weight]["exp_avg"] for weight in weights]
        squares = [self.state[weight]["exp_avg_sq"] for weight in weights]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        before, now = torch.stack(squares), torch.stack(torch._foreach_norm(gradients)) ** 2
        # A running mean begins with its first value.
        mean = torch.where(before == 0, now, second * before + (1 - second) * now)
        torch._foreach_copy_(squares, mean.unbind())
        updates = torch._foreach_div(gradients, (mean.sqrt() + group["eps"]).unbind())
        if group["weight_decay"]:
            torch._foreach_add_(updates, weights, alpha=group["weight_decay"])
        torch._foreach_mul_(averages, momentum)
        torch._foreach_add_(averages, updates)
        torch._foreach_add_(weights, averages, alpha=-group["lr"])
