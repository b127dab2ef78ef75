"""Channel names: one spelling for each, whatever the source calls it."""

_SPELLINGS = {
    "FLAIR": ("flair", "t2f"),
    "T1w": ("t1w", "t1", "t1n"),
    "T1gd": ("t1gd", "t1ce", "t1c", "t1wce"),
    "T2w": ("t2w", "t2"),
    "CT": ("ct",),
}
_CANONICAL = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}


def canonical_channel(name: str) -> str:
    """The spelling we use for a channel; a name we don't know is kept as it is."""
    return _CANONICAL.get(name.strip().lower(), name.strip())
