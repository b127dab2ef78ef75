"""Randomness that depends on what is drawn for, never on who draws or in which order."""

import hashlib


def derive_seed(seed: int, epoch: int, name: str) -> int:
    """A 32-bit seed of (seed, epoch, name), the same on every machine."""
    digest = hashlib.sha256(f"{seed}\0{epoch}\0{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
