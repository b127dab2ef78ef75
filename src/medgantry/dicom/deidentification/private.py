"""Private attributes that are known to hold no identity (PS3.15 Table E.3.10-1): numbers about the acquisition."""

from pydicom import DataElement

from medgantry.dicom.deidentification.numbers import is_sound

_SAFE = {
    ("Philips PET Private Group", 0x7053): (0x00, 0x09),
    ("ELSCINT1", 0x00E1): (0x21,),
    ("ELSCINT1", 0x01E1): (0x50,),
    ("ELSCINT1", 0x01F1): (0x07, 0x26, 0x27),
    ("GEMS_ACQU_01", 0x0019): (0x23, 0x24, 0x27),
    ("GEMS_PARM_01", 0x0043): (0x27, 0x39, 0x6F),
    ("GEMS_SERS_01", 0x0025): (0x07,),
    ("GEMS_HELIOS_01", 0x0045): (0x01, 0x02),
    ("GEIIS PACS", 0x0903): (0x10, 0x11, 0x12),
    ("Philips Imaging DD 001", 0x2001): (0x03, 0x04),
    ("SIEMENS MR HEADER", 0x0019): (0x0C, 0x0E, 0x27),
}
"""(Private creator, group) -> the last byte of the element number."""
_NUMBERS = frozenset({"DS", "IS", "FL", "FD", "US", "SS", "UL", "SL"})


def is_safe_private(element: DataElement) -> bool:
    """Whether a private attribute may stay: listed, and a number; its creator's own element stays with it."""
    tag = element.tag
    if tag.is_private_creator:
        return any(str(element.value) == creator and tag.group == group for creator, group in _SAFE)
    safe = _SAFE.get((str(element.private_creator or ""), tag.group), ())
    return tag.element & 0xFF in safe and element.VR in _NUMBERS and is_sound(element)
