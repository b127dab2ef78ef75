"""Pseudonyms from a key: every process that has the key gives the same patient the same name, UID and date shift.

HMAC-SHA-256 of the kind of thing and its name. Without the key they can be neither made nor undone.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from medgantry.errors import InvalidInput

VARIABLE = "MEDGANTRY_DEIDENTIFICATION_KEY"
MIN_KEY_BYTES = 16
_MAX_SHIFT_DAYS = 3650
_MAX_SHIFT_SECONDS = 3600


class Pseudonyms:
    """What the key makes of names.

    Args:
        key: The secret; at least 16 bytes.

    Raises:
        InvalidInput: If the key is shorter.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise InvalidInput(
                f"The de-identification key must have at least {MIN_KEY_BYTES} bytes, found {len(key)}.",
                f"Make one with `openssl rand -hex 32` and give it as {VARIABLE}.",
            )
        self._key = key

    @classmethod
    def from_environment(cls) -> "Pseudonyms":
        """With the key that the step's secret holds.

        Raises:
            InvalidInput: If there is none.
        """
        key = os.environ.get(VARIABLE, "")
        if not key:
            raise InvalidInput(
                f"De-identification needs a key in {VARIABLE}, found none.",
                "Add it to the Secret medgantry-deidentification (docs/dicom.md), or declare a source that needs no "
                'de-identification: deidentify "none".',
            )
        return cls(key.encode())

    @property
    def fingerprint(self) -> str:
        """Tells keys apart without saying anything about them."""
        return self._digest("fingerprint", "").hex()[:16]

    def patient(self, patient_id: str) -> str:
        """The pseudonym of a patient."""
        return "P" + self._digest("patient", patient_id.strip()).hex()[:16].upper()

    def name(self, kind: str, text: str) -> str:
        """A short pseudonym of anything else, such as a file's path."""
        return self._digest(kind, text).hex()[:16]

    def uid(self, uid: str) -> str:
        """A UID made from a UUID (PS3.5 B.2) for another."""
        digest = bytearray(self._digest("uid", uid.strip())[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # version 8: custom
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest, 'big')}"

    def shift(self, patient_id: str) -> timedelta:
        """By how many days all dates of a patient move: back, at least one day and at most about ten years."""
        digest = int.from_bytes(self._digest("shift", patient_id.strip())[:8], "big")
        return -timedelta(days=1 + digest % _MAX_SHIFT_DAYS)

    def shift_date(self, text: str, patient_id: str) -> str:
        """A DICOM date or date-time moved by the patient's shift.

        Returns:
            The moved value; empty when the text holds no whole date, whose part could not be moved.
        """
        digits = text.strip()
        try:
            day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
            moved = (day + self.shift(patient_id)).strftime("%Y%m%d")
        except (ValueError, OverflowError):
            return ""
        zone = re.search(r"[+-]\d{4}$", digits[8:])
        return moved + self.shift_time(digits[8 : -5 if zone else None], patient_id)

    def shift_time(self, text: str, patient_id: str) -> str:
        """A DICOM time moved by less than an hour, the same for all times of a patient.

        Differences within a day survive, but over the midnight of the new times: dates move by whole days alone, so
        that intervals between them stay.

        Returns:
            The moved value with the parts it had; empty when the text is no time.
        """
        match = re.fullmatch(r"(\d\d)(\d\d)(\d\d)(\.\d{1,6})?", text.strip())
        if not match:
            return ""
        back = 1 + int.from_bytes(self._digest("time", patient_id.strip())[:8], "big") % (
            _MAX_SHIFT_SECONDS - 1
        )
        seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
        moved = (seconds - back) % 86400
        return f"{moved // 3600:02}{moved // 60 % 60:02}{moved % 60:02}{match[4] or ''}"

    def seal(self, document: Mapping[str, Any]) -> bytes:
        """Encrypt a document that names patients; the same document gives the same bytes (RFC 5297)."""
        text = json.dumps(document, sort_keys=True, ensure_ascii=False).encode()
        return AESSIV(self._seal_key).encrypt(text, None)

    def unseal(self, sealed: bytes) -> Any:
        """The document that `seal` encrypted.

        Raises:
            InvalidInput: If it was sealed with another key, or changed.
        """
        try:
            return json.loads(AESSIV(self._seal_key).decrypt(sealed, None))
        except Exception as error:
            raise InvalidInput(
                "What was sealed cannot be opened with this key, or was changed.",
                f"Give the {VARIABLE} that the run had that wrote it.",
            ) from error

    @property
    def _seal_key(self) -> bytes:
        return hashlib.sha512(self._digest("seal", "")).digest()

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.new(self._key, f"{kind}\0{text}".encode(), hashlib.sha256).digest()
