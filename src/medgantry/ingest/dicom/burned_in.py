"""Whether text may be burned into pixels, as far as a header tells (PS3.3 C.7.6.1.1.4, PS3.15 E.3.1)."""

from medgantry.dicom.header import Header

_SCREENS = ("1.2.840.10008.5.1.4.1.1.7",)
"""Secondary capture and its multi-frame kinds."""
_ANNOTATED = ("US", "SC", "OT", "XC", "ES", "GM")


def may_have_text(header: Header) -> str:
    """Why pixels may show text; empty when nothing hints at it.

    Scanners do not write into the pixels of the slices that they reconstruct, so that without a hint there is none.
    """
    said = header.text("BurnedInAnnotation").upper()
    if said == "YES":
        return "BurnedInAnnotation is YES"
    if said == "NO":
        return ""
    if header.text("SOPClassUID").startswith(_SCREENS) or header.text("ConversionType"):
        return "it is a secondary capture that does not say"
    if header.text("Modality") in _ANNOTATED:
        return f"{header.text('Modality')} often shows text, and it does not say"
    return "it is a screen save" if "SCREEN SAVE" in header.text("ImageType").upper() else ""
