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
        # A gamma below 1 has no finite slope at 0, where float puts a case that is known for certain.
        unknown = torch.clamp(-torch.expm1(-loss), min=torch.finfo(loss.dtype).tiny)
        return (unknown**self.gamma * loss).mean()
