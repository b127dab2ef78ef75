"""Values that a library would refuse or warn about, put into a data set as the bytes they are."""

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag


def set_raw(dataset: Dataset, tag: int | str, value: str | bytes, *, vr: str | None = None) -> None:
    r"""Set an element to bytes that no library has looked at.

    Args:
        dataset: Changed in place; it must be written little-endian.
        tag: Tag, or keyword of the dictionary.
        value: The bytes, or text for their UTF-8; several values are separated by a backslash.
        vr: Value representation; None: the dictionary's.
    """
    place = Tag(tag)
    representation = vr or dictionary_VR(place)
    content = value.encode() if isinstance(value, str) else value
    filler = b"\0" if representation in ("UI", "OB", "UN", "OW") else b" "
    content += filler * (len(content) % 2)
    dataset[place] = RawDataElement(place, representation, len(content), content, 0, False, True)
