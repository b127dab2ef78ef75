"""The fast header reader and pydicom say the same of every file that both read."""

from pathlib import Path

import pydicom
import pytest

from medgantry.dicom.elements import read_elements
from medgantry.dicom.header import DatasetAttributes, Header, read_header
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.dirty import DIRTY, write_case

SHIPPED = sorted(
    path for path in (Path(pydicom.__file__).parent / "data/test_files").rglob("*") if path.is_file()
)
TEXTS = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "Modality",
    "ImageType",
    "PhotometricInterpretation",
)
NUMBERS = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "EchoTime",
)
WHOLE = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
)


def ask(question, keyword):
    try:
        return question(keyword)
    except Unusable as broken:
        return broken.rule


def compare(path):
    if read_elements(path) is None:
        return False
    fast, slow = read_header(path), DatasetAttributes(Header(path, None, None, -1, "").dataset)
    for keyword in TEXTS:
        assert ask(fast.text, keyword) == ask(slow.text, keyword), keyword
    for keyword in NUMBERS:
        assert ask(fast.numbers, keyword) == ask(slow.numbers, keyword), keyword
    for keyword in WHOLE:
        assert ask(fast.whole, keyword) == ask(slow.whole, keyword), keyword
    with path.open("rb") as stream:
        pydicom.dcmread(stream, stop_before_pixels=True)
        assert stream.tell() == fast.pixels_at
    return True


def test_files_that_pydicom_ships_are_read_alike_or_refused():
    alike, refused = 0, []
    for path in SHIPPED:
        try:
            read_header(path)
        except Unusable as broken:
            refused.append(broken)
            continue
        alike += compare(path)
    assert alike > 50
    assert refused
    assert all(broken.rule and broken.remedy for broken in refused)


@pytest.mark.parametrize("name", sorted(DIRTY)[::4])
def test_dirty_files_are_read_alike(name, tmp_path):
    for path in write_case(DIRTY[name](0), tmp_path):
        try:
            read_header(path)
        except Unusable:
            continue
        compare(path)
