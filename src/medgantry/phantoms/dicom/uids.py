"""Unique identifiers that depend on what they name, so that the same seed gives the same bytes."""

import hashlib
import uuid

from pydicom.uid import UID


def make_uid(*names: object) -> UID:
    """Return the UID (root 2.25) of what the names tell apart; the same names give the same UID.

    Args:
        names: Anything that prints the same way in every run, for example a seed and a role.
    """
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    return UID(f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}")
