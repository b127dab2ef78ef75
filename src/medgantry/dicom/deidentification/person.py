"""What a data set says about people and places in words and numbers, to find it again where it does not belong."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag

_IDS = (
    "PatientID",
    "AccessionNumber",
    "OtherPatientIDs",
    "PatientBirthDate",
    "AdmissionID",
    "IssuerOfPatientID",
)
_PLACES = ("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "PatientAddress")
_SHORTEST_WORD, _SHORTEST_NUMBER = 3, 5


@dataclass(frozen=True, kw_only=True)
class Person:
    """Words of names and places, lower case, and the digits of numbers."""

    words: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, dataset: Dataset) -> "Person":
        """Of all names and numbers in a data set, however deep."""
        words: set[str] = set()
        numbers: set[str] = set()
        with suppress(Exception):  # what cannot be converted is removed later
            for element in dataset.iterall():
                keyword = keyword_for_tag(element.tag)
                text = str(element.value)
                if element.VR == "PN" or keyword in _IDS or keyword in _PLACES:
                    words |= set(split_words(text))
                if keyword in _IDS:
                    numbers.add("".join(re.findall(r"\d", text)))
        return cls(
            # Short words are titles and initials, but whole names in Chinese or Japanese.
            words=frozenset(word for word in words if len(word) >= _SHORTEST_WORD or not word.isascii()),
            numbers=frozenset(number for number in numbers if len(number) >= _SHORTEST_NUMBER),
        )

    def is_meant_by(self, value: Any) -> bool:
        """Whether a value holds one of the words, or the digits of one of the numbers."""
        text = str(value).lower()
        digits = "".join(re.findall(r"\d", text))
        return (
            any(word in self.words for word in split_words(text))
            or any(word in text for word in self.words if not word.isascii())
            or any(number in digits for number in self.numbers)
        )

    def is_counted_by(self, value: Any) -> bool:
        """Whether a number, or one of several, is one of the numbers."""
        several = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
        texts = [value] if isinstance(value, str) else several
        return any(str(text).strip() in self.numbers for text in texts)


def split_words(text: str) -> list[str]:
    """Words of letters and digits, lower case."""
    return [word for word in re.split(r"[\W_]+", text.lower()) if word]
