"""How much a displacement field bends space."""

import torch


def bending_energy(displacement: torch.Tensor) -> torch.Tensor:
    """Mean square of all second derivatives, by differences between neighbouring voxels; an affine motion has none.

    The value is that of MONAI's `BendingEnergyLoss`, whose indexing by lists PyTorch warns about at every step.

    Source: Rueckert et al., Nonrigid registration using free-form deformations, IEEE TMI 18 (1999).

    Args:
        displacement: (B, 3, i, j, k), voxels; three or more voxels along each axis.

    Returns:
        A number without axes, in squared voxels.
    """
    axes = range(2, displacement.ndim)
    inner = _shifted(displacement, {})
    energy = torch.zeros_like(inner)
    for axis in axes:
        pure = _shifted(displacement, {axis: 1}) - 2 * inner + _shifted(displacement, {axis: -1})
        energy = energy + pure**2
        for other in range(axis + 1, displacement.ndim):
            mixed = (
                _shifted(displacement, {axis: 1, other: 1})
                - _shifted(displacement, {axis: 1, other: -1})
                - _shifted(displacement, {axis: -1, other: 1})
                + _shifted(displacement, {axis: -1, other: -1})
            ) / 4
            energy = energy + 2 * mixed**2
    return energy.mean()


def _shifted(values: torch.Tensor, steps: dict[int, int]) -> torch.Tensor:
    """Neighbours of the inner voxels, some steps along some axes."""
    for axis in range(2, values.ndim):
        values = values.narrow(axis, 1 + steps.get(axis, 0), values.shape[axis] - 2)
    return values
