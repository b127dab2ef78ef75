"""How subjects are called in the tables, and by how much their dates move: as in the cohort of their images."""

import re
from datetime import timedelta

from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.ingest.dicom.names import KeyedNames, Names, names_for


class Subjects:
    """Names and dates of subjects.

    Args:
        names: What they are called.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._pseudonyms: Pseudonyms | None = names.pseudonyms if isinstance(names, KeyedNames) else None

    @property
    def fingerprint(self) -> str:
        """Tells namings apart."""
        return self._names.fingerprint

    def name(self, subject_id: str) -> str:
        """The subject's name."""
        return self._names.patient(subject_id)

    def shift(self, subject_id: str) -> timedelta:
        """By how much the subject's dates move."""
        return self._pseudonyms.shift(subject_id) if self._pseudonyms else timedelta(0)

    def shown(self, text: str) -> str:
        """What a ledger may say of a cell that could not be read: with pseudonyms its shape alone, `9/a/9`."""
        if not self._pseudonyms:
            return repr(text)
        return repr(re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", text)))


def subjects_for(deidentify: str) -> Subjects:
    """The naming that a parameter asks for; `names_for` says what it may be."""
    return Subjects(names_for(deidentify))
