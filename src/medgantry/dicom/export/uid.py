"""UIDs that content decides: the same result sent twice is one object."""

import hashlib


def uid_of(text: str) -> str:
    """A UID made from a UUID (PS3.5 B.2) that a text decides."""
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8: custom
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
