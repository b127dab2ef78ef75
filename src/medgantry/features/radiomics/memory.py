"""Telling a lack of memory, which another machine may have, from damage, which it has not."""


def raise_if_memory(error: Exception) -> None:
    """Raise MemoryError where an error means that; ITK says it in words only.

    Raises:
        MemoryError: Then.
    """
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "bad_alloc" in str(error):
        raise MemoryError from error
