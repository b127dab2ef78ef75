"""What patients are called: as images call them, so that all that is known of one can be joined."""

from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.names import KeyedNames, Names, PlainNames


def open_names(deidentify: str) -> Names:
    """The naming that a parameter asks for.

    Args:
        deidentify: `pseudonyms`, made with the key of DICOM ingest, or `none` for a source that is de-identified.

    Raises:
        InvalidInput: If it is neither, or a key is needed and there is none.
    """
    if deidentify == "none":
        return PlainNames()
    if deidentify == "pseudonyms":
        return KeyedNames(Pseudonyms.from_environment())
    raise InvalidInput(f'deidentify must be "pseudonyms" or "none", got {deidentify!r}.')
