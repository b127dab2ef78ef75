"""How subjects are called in the tables, and by how much their dates move: as in the cohort of their images."""

import re
from datetime import timedelta

from medgantry.dicom.deidentification.profile import parse_options
from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.ingest.dicom.names import PlainNames

NONE, PSEUDONYMS = "none", "pseudonyms"


class Subjects:
    """Names and dates of subjects.

    Args:
        pseudonyms: The key's; None for a table that is de-identified already.
    """

    def __init__(self, pseudonyms: Pseudonyms | None) -> None:
        self._pseudonyms = pseudonyms

    @property
    def fingerprint(self) -> str:
        """Tells namings apart."""
        return self._pseudonyms.fingerprint if self._pseudonyms else PlainNames.fingerprint

    def name(self, subject_id: str) -> str:
        """The subject's name."""
        return (self._pseudonyms or PlainNames()).patient(subject_id)

    def shift(self, subject_id: str) -> timedelta:
        """By how much the subject's dates move."""
        return self._pseudonyms.shift(subject_id) if self._pseudonyms else timedelta(0)

    def shown(self, text: str) -> str:
        """What a ledger may say of a cell that could not be read: with pseudonyms its shape alone, `9/a/9`."""
        if not self._pseudonyms:
            return repr(text)
        return repr(re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", text)))


def subjects_for(deidentify: str) -> Subjects:
    """The naming that a parameter asks for.

    Args:
        deidentify: `none`, `pseudonyms`, or the options that the images were de-identified with, which mean pseudonyms.

    Raises:
        InvalidInput: If it is none of them, or needs a key and there is none.
    """
    if deidentify == NONE:
        return Subjects(None)
    if deidentify != PSEUDONYMS:
        parse_options(deidentify)  # raises for an unknown one
    return Subjects(Pseudonyms.from_environment())
