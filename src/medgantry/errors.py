"""What can go wrong, and whether trying again can help.

MedgantryError
 ├── InvalidInput        the data or parameters are wrong: retrying cannot help
 │    ├── InvalidCohort      a cohort's tables or a split do not hold
 │    ├── InvalidBundle      a MONAI bundle lacks something we need
 │    ├── Mismatch           two things that are each fine do not fit together
 │    └── TooManyRejected    the declared budget of rejected cases is exceeded
 ├── ObjectMissing       the store answers, the object is not there
 ├── PreconditionFailed  a conditional PUT lost: somebody else was first
 ├── Superseded          another attempt of the same training took over
 ├── SourceUnavailable   a PACS or archive does not answer: retrying can help
 └── StoreUnavailable    the store does not answer: retrying can help
"""


class MedgantryError(Exception):
    """Any error we raise on purpose: what was wanted, what was found, and what to do.

    Args:
        message: What was wanted and what was found.
        remedy: What the reader can do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class InvalidInput(MedgantryError):
    """The data or parameters are wrong; retrying cannot help."""


class InvalidCohort(InvalidInput):
    """A cohort's tables or its split do not hold."""


class InvalidBundle(InvalidInput):
    """A MONAI bundle lacks something that is needed, or says something impossible."""


class Mismatch(InvalidInput):
    """Two things that are each fine do not fit together."""


class TooManyRejected(InvalidInput):
    """More cases were rejected than the declared budget allows."""


class ObjectMissing(MedgantryError):
    """The store answers, but the object is not there."""


class PreconditionFailed(MedgantryError):
    """A conditional PUT lost: somebody else was first."""


class Superseded(MedgantryError):
    """Another attempt of the same training took over; this one must stop."""


class StoreUnavailable(MedgantryError):
    """The store does not answer; retrying can help."""


class SourceUnavailable(MedgantryError):
    """A PACS or an archive that images come from does not answer; retrying can help."""
