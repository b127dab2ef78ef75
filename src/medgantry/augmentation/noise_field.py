"""Gaussian noise that is a function of a seed and a position, and of nothing else.

A device's own generator gives other numbers on another device, and drawing millions of numbers on the host would take
longer than the training step. Hashing the position in whole numbers gives the same bits everywhere, in any batch.

Sources: the finaliser of MurmurHash3 (A. Appleby, public domain); Box and Muller, A Note on the Generation of Random
Normal Deviates, 1958.
"""

import math

import torch


def standard_normal(seeds: torch.Tensor, count: int) -> torch.Tensor:
    """Normal numbers (B, count), float32, of mean 0 and standard deviation 1.

    Args:
        seeds: (B, 2) int32.
        count: How many for each seed; below 2**31.
    """
    half = (count + 1) // 2
    position = torch.arange(2 * half, device=seeds.device, dtype=torch.int32)
    # Seeds that are neighbours must not give one sequence, shifted: both words reach both keys.
    first = _mixed(seeds[:, :1] + _mixed(seeds[:, 1:]))
    second = _mixed(seeds[:, 1:] ^ _mixed(first))
    bits = _mixed(_mixed(position + first) ^ second)
    # 24 bits are what a float32 holds; half a step keeps 0, whose logarithm is infinite, out.
    shares = ((bits >> 8) & 0xFFFFFF).float() * 2**-24 + 2**-25
    radius = torch.sqrt(-2 * torch.log(shares[:, :half]))
    angle = (2 * math.pi) * shares[:, half:]
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], 1)[:, :count]


def _mixed(bits: torch.Tensor) -> torch.Tensor:
    """Each input bit changes half of the output bits; 32-bit arithmetic that wraps."""
    bits = bits + (0x9E3779B9 - 2**32)  # or 0 would stay 0
    bits = (bits ^ _shifted(bits, 16)) * (0x85EBCA6B - 2**32)
    bits = (bits ^ _shifted(bits, 13)) * (0xC2B2AE35 - 2**32)
    mixed: torch.Tensor = bits ^ _shifted(bits, 16)
    return mixed


def _shifted(bits: torch.Tensor, by: int) -> torch.Tensor:
    """To the right, filled with zeros: torch has no unsigned shift."""
    shifted: torch.Tensor = (bits >> by) & (2 ** (32 - by) - 1)
    return shifted
