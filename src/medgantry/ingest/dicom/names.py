"""What things are called outside of the step that reads them: by pseudonyms, or plainly for a declared source."""

import hashlib
import json
import re
from typing import Any, Protocol

from medgantry.dicom.deidentification.profile import parse_options
from medgantry.dicom.deidentification.pseudonyms import Pseudonyms

NONE, PSEUDONYMS = "none", "pseudonyms"
_SERIES_DIGITS = 12


class Names(Protocol):
    """Names of patients and of anything else."""

    @property
    def fingerprint(self) -> str:
        """Tells namings apart."""

    def patient(self, patient_id: str) -> str:
        """Name of a patient."""

    def name(self, kind: str, text: str) -> str:
        """Short name of anything else."""

    def shown(self, text: str) -> str:
        """What a ledger may say of a file or a UID."""

    def sealed(self, document: dict[str, Any]) -> str:
        """A document that names people, as text for a plan."""

    def opened(self, text: str) -> Any:
        """What `sealed` held."""


class KeyedNames:
    """By the key; a `Names`."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms

    @property
    def fingerprint(self) -> str:
        """Of the key."""
        return self.pseudonyms.fingerprint

    def patient(self, patient_id: str) -> str:
        """A pseudonym."""
        return self.pseudonyms.patient(patient_id)

    def name(self, kind: str, text: str) -> str:
        """A pseudonym."""
        return self.pseudonyms.name(kind, text)

    def shown(self, text: str) -> str:
        """A pseudonym: names of files and UIDs can name people."""
        return self.pseudonyms.name("shown", text)

    def sealed(self, document: dict[str, Any]) -> str:
        """Encrypted."""
        return self.pseudonyms.seal(document).hex()

    def opened(self, text: str) -> Any:
        """Decrypted."""
        return self.pseudonyms.unseal(bytes.fromhex(text))


class PlainNames:
    """Of a source that is declared de-identified; a `Names`."""

    fingerprint = "plain"

    def patient(self, patient_id: str) -> str:
        """The ID, without characters that a file name cannot have."""
        return re.sub(r"[^\w.-]+", "_", patient_id.strip()) or "unknown"

    def name(self, kind: str, text: str) -> str:
        """A hash: UIDs are too long for names."""
        return hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest()[:16]

    def shown(self, text: str) -> str:
        """The text."""
        return text

    def sealed(self, document: dict[str, Any]) -> str:
        """Readable."""
        return json.dumps(document, sort_keys=True)

    def opened(self, text: str) -> Any:
        """Read."""
        return json.loads(text)


def case_name(names: Names, patient_id: str, series_uid: str, number: int) -> str:
    """The id of a series' stack as a case; stacks are numbered from 1."""
    series = names.name("series", series_uid)[:_SERIES_DIGITS]
    return f"{names.patient(patient_id)}-{series}" + (f"-{number}" if number > 1 else "")


def patient_of(case_id: str) -> str | None:
    """The patient's name in a case's id, also of a case that was rejected; None where it is no such id."""
    found = re.fullmatch(rf"(.+)-[0-9a-f]{{{_SERIES_DIGITS}}}(-\d+)?", case_id)
    return found[1] if found else None


def names_for(deidentify: str) -> Names:
    """The naming that a parameter asks for, of images and of tables that go with them.

    Args:
        deidentify: `none` for what is de-identified already; else `pseudonyms`, or the options of the profile by which
            images are de-identified.

    Raises:
        InvalidInput: If it is none of them, or a key is needed and there is none.
    """
    if deidentify == NONE:
        return PlainNames()
    if deidentify != PSEUDONYMS:
        parse_options(deidentify)  # raises for an unknown one
    return KeyedNames(Pseudonyms.from_environment())
