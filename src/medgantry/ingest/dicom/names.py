"""What things are called outside of the step that reads them: by pseudonyms, or plainly for a declared source."""

import hashlib
import json
import re
from typing import Any, Protocol

from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.ingest.dicom.config import DicomConfig


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


def names_for(config: DicomConfig) -> Names:
    """The naming that a configuration asks for.

    Raises:
        InvalidInput: If it needs a key and there is none.
    """
    return PlainNames() if config.profile is None else KeyedNames(Pseudonyms.from_environment())
