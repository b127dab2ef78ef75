"""Whether a number is one, and as many as its attribute has: bytes of text can pass for numbers."""

import re

from pydicom import DataElement
from pydicom.datadict import dictionary_VM

_DECIMAL = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *")
_INTEGER = re.compile(r" *[+-]?\d+ *")
_AGE = re.compile(r"\d{3}[DWMY]")
_MOST_PRIVATE = 3
"""Numbers in a private attribute that is kept."""


def is_sound(element: DataElement) -> bool:
    """Whether an attribute of numbers holds numbers, and not more than it can."""
    texts = [str(value) for value in ([] if element.value in (None, "") else _several(element))]
    pattern = {"DS": _DECIMAL, "IS": _INTEGER, "AS": _AGE}.get(element.VR)
    if pattern is not None and not all(pattern.fullmatch(text) for text in texts if text):
        return False
    return len(texts) <= _most(element)


def _several(element: DataElement) -> list[object]:
    return list(element.value) if element.VM > 1 else [element.value]


def _most(element: DataElement) -> int:
    if element.tag.is_private:
        return _MOST_PRIVATE
    said = dictionary_VM(element.tag).rpartition("-")[2]
    return int(said) if said.isdigit() else 1 << 30
