"""Places outside the dictionary's plain attributes: private blocks, overlays, curves, bytes around the data."""

from collections.abc import Callable

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from medgantry.phantoms.dicom.uids import make_uid

Record = Callable[[str, str], str]
"""From a place and a text with {word} to the text, which is then on the list of what was planted."""


def plant_private(dataset: Dataset, record: Record) -> None:
    """Plant private blocks: with and without creator, as bytes, as UN, in sequences and as a sequence."""
    dataset.add_new(0x00090010, "LO", record("(0009,0010) private creator", "{institution} {word}"))
    dataset.add_new(0x00091001, "LO", record("(0009,1001) private LO", "{given} {family} {word}"))
    dataset.add_new(
        0x00091002, "OB", _even(record("(0009,1002) private OB", "<patient>{family} {word}</patient>"))
    )
    dataset.add_new(0x00091003, "UN", _even(record("(0009,1003) private UN", "{patient_id} {word}")))
    dataset.add_new(0x00091004, "UT", record("(0009,1004) private UT", "{family} {word}"))
    dataset.add_new(0x000B1001, "LO", record("(000B,1001) private without creator", "{word}"))
    inner = Dataset()
    inner.add_new(0x00110010, "LO", "PHANTOM INNER")
    inner.add_new(0x00111001, "PN", record("(0011,1001)[0].(0011,1001) private PN", "{family}^{word}"))
    inner.PatientID = record("(0011,1001)[0].PatientID", "{word}")
    dataset.add_new(0x00110010, "LO", "PHANTOM OUTER")
    dataset.add_new(0x00111001, "SQ", [inner])
    item = Dataset()
    item.ReferencedSOPClassUID = SecondaryCaptureImageStorage
    item.ReferencedSOPInstanceUID = make_uid(dataset.get("SOPInstanceUID"), "referenced")
    item.add_new(0x00290010, "LO", "PHANTOM NESTED")
    item.add_new(
        0x00291001, "OB", _even(record("SourceImageSequence[0].(0029,1001) private OB", "{family} {word}"))
    )
    dataset.SourceImageSequence = [item]


def plant_graphics(dataset: Dataset, record: Record) -> None:
    """Plant overlays and curves, with text in their descriptions and in their bytes."""
    plane = np.zeros(40 * 64 // 8, dtype=np.uint8)
    text = np.frombuffer(_even(record("(6000,3000) overlay data", "{family} {word}")), dtype=np.uint8)
    plane[16 : 16 + len(text)] = text
    dataset.add_new(0x60000010, "US", 40)
    dataset.add_new(0x60000011, "US", 64)
    dataset.add_new(0x60000022, "LO", record("(6000,0022) overlay description", "{family} {word}"))
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60001500, "LO", record("(6000,1500) overlay label", "{word}"))
    dataset.add_new(0x60003000, "OW", plane.tobytes())
    dataset.add_new(0x60024000, "LT", record("(6002,4000) overlay comments", "{doctor} {word}"))
    dataset.add_new(0x50000005, "US", 1)
    dataset.add_new(0x50000010, "US", 8)
    dataset.add_new(0x50000020, "CS", "ECG")
    dataset.add_new(0x50000022, "LO", record("(5000,0022) curve description", "{family} {word}"))
    dataset.add_new(0x50002500, "LO", record("(5000,2500) curve label", "{word}"))
    dataset.add_new(0x50003000, "OB", _even(record("(5000,3000) curve data", "{family} {word}")))


def plant_bytes(dataset: Dataset, record: Record) -> None:
    """Plant text in the bytes of an icon, a document, a certificate, and the padding at the end."""
    icon = Dataset()
    icon.SamplesPerPixel = 1
    icon.PhotometricInterpretation = "MONOCHROME2"
    icon.Rows = icon.Columns = 8
    icon.BitsAllocated = icon.BitsStored = 8
    icon.HighBit = 7
    icon.PixelRepresentation = 0
    text = record("IconImageSequence[0].PixelData", "{family} {word}").encode()
    icon.PixelData = text[:64].ljust(64, b"\0")
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = [icon]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = _even(record("EncapsulatedDocument", "%PDF-1.4 % {family} {word}"))
    signature = Dataset()
    signature.MACIDNumber = 1
    signature.DigitalSignatureUID = make_uid(dataset.get("SOPInstanceUID"), "signature")
    signature.CertificateType = "X509_1993_SIG"
    signature.CertificateOfSigner = _even(
        record("DigitalSignaturesSequence[0].CertificateOfSigner", "CN={doctor} {word}")
    )
    dataset.DigitalSignaturesSequence = [signature]
    dataset.DataSetTrailingPadding = _even(record("DataSetTrailingPadding", "{family} {word}"))


def plant_around(dataset: Dataset, record: Record) -> None:
    """Plant text in the preamble and in the file meta information."""
    preamble = record("preamble", "Exported for {doctor}: {family} {word}").encode()
    dataset.preamble = preamble.ljust(128, b"\0")
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = record("file meta SourceApplicationEntityTitle", "{word}")
    meta.SendingApplicationEntityTitle = record("file meta SendingApplicationEntityTitle", "{word}")
    meta.ReceivingApplicationEntityTitle = record("file meta ReceivingApplicationEntityTitle", "{word}")
    meta.ImplementationVersionName = record("file meta ImplementationVersionName", "{word}")
    meta.PrivateInformationCreatorUID = make_uid("creator of private information")
    meta.PrivateInformation = _even(record("file meta PrivateInformation", "{family} {word}"))


def _even(text: str) -> bytes:
    content = text.encode()
    return content + b"\0" * (len(content) % 2)
