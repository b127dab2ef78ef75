"""People who do not exist."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

_FAMILIES = ("Quillfeather", "Zornwald", "Brimstead", "Oxlethorpe", "Vantaborn", "Nebelkamp")
_GIVEN = ("Ondine", "Casimir", "Philippa", "Torquil", "Isaura", "Balthasar")
_DOCTORS = ("Fernmoss", "Kettlewick", "Ravensbee", "Moldenhagen")
_INSTITUTIONS = ("Phantom Valley Infirmary", "St Ellipsoid Hospital", "Voxelberg Clinic")
_TOWNS = ("Nowhere-on-Sea", "Bad Nirgend", "Upper Voxelton")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A person who does not exist.

    Attributes:
        family: Family name.
        given: Given name.
        native: The name in the character set's own script, family and given name joined by a caret.
        character_set: Values of SpecificCharacterSet, joined by a backslash.
        patient_id: Number at the hospital.
        mark: Start of the words that are planted: no word of a clean file begins like this.
        birth_date: Of the patient.
        first_study: Day of the first study.
        doctor: Family name of a physician.
        institution: Hospital.
        town: Where the patient lives.
    """

    family: str
    given: str
    native: str
    character_set: str
    patient_id: str
    mark: str
    birth_date: date
    first_study: date
    doctor: str
    institution: str
    town: str

    @property
    def strings(self) -> tuple[str, ...]:
        """What must stand nowhere in a file without identity, in any spelling of upper and lower case."""
        return (
            self.family,
            self.given,
            self.native,
            self.patient_id,
            self.mark,
            self.doctor,
            self.institution,
        )


def make_identity(seed: int, number: int = 0) -> Identity:
    """Return a person; the same seed and number give the same one, neighbouring numbers differ in all parts.

    Args:
        seed: Of the archive.
        number: Of the person in the archive.
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, number))))
    place = seed + number
    family = _FAMILIES[place % len(_FAMILIES)]
    japanese = number % 2 == 1
    return Identity(
        family=family,
        given=_GIVEN[place % len(_GIVEN)],
        native="幻影^楕円" if japanese else "Größenwahn^Jürgen",
        character_set=r"\ISO 2022 IR 87" if japanese else "ISO_IR 192",
        patient_id=f"{rng.integers(10**7, 10**8)}-{place % 10}",
        mark=f"{family[:2].upper()}X{int(rng.integers(36**2, 36**3)):04X}",
        birth_date=date(1921, 3, 1) + timedelta(days=int(rng.integers(0, 365))),  # over 89 at every study
        first_study=date(2016, 1, 4) + timedelta(days=int(rng.integers(0, 700))),
        doctor=_DOCTORS[place % len(_DOCTORS)],
        institution=_INSTITUTIONS[place % len(_INSTITUTIONS)],
        town=_TOWNS[place % len(_TOWNS)],
    )
