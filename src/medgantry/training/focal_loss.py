"""Focal loss over class indices.

Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017. MONAI's takes masks; a class index has no
channels to take.
"""

import torch
from torch.nn.functional import cross_entropy


class FocalLoss(torch.nn.Module):
    """Cross-entropy in which what is known already counts less.

    Args:
        gamma: 0 is cross-entropy; 2 is the paper's choice.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean loss of logits (B, C) against class indices (B)."""
        loss = cross_entropy(logits, target, reduction="none")
        return ((1 - torch.exp(-loss)) ** self.gamma * loss).mean()
