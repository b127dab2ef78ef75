"""The instances that a case was made of, from the tar that ingest packs."""

import pytest
from pydicom import dcmread

from medgantry.dicom.deidentification.deidentify import Deidentifier
from medgantry.dicom.deidentification.profile import parse_options
from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.dicom.elements import sop_instance_uid
from medgantry.dicom.source_instances import source_instances
from medgantry.ingest.dicom.objects import pack_objects
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.series import make_series, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec


@pytest.mark.parametrize("keep", [False, True])
def test_every_slice_in_its_order_and_no_mask(tmp_path, keep):
    paths = write_series(make_series(SeriesSpec(slices=12)), tmp_path)[::-1]
    pack_objects(paths[:11], paths[11:], tmp_path / "case.tar", None, keep)
    assert source_instances(tmp_path / "case.tar") == [dcmread(path).SOPInstanceUID for path in paths[:11]]


def test_of_a_deidentified_case_they_are_pseudonyms(tmp_path):
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    paths = write_series(make_series(SeriesSpec(slices=3)), tmp_path)
    tool = Deidentifier(parse_options("basic"), pseudonyms)
    pack_objects(paths, [], tmp_path / "case.tar", tool, keep=False)
    wanted = [pseudonyms.uid(dcmread(path).SOPInstanceUID) for path in paths]
    assert source_instances(tmp_path / "case.tar") == wanted


@pytest.mark.parametrize("length", [0, 131, 140, 160])
def test_a_file_that_names_no_instance_is_refused(tmp_path, length):
    (path,) = write_series(make_series(SeriesSpec(slices=1)), tmp_path)
    with pytest.raises(Unusable, match="names its instance"):
        sop_instance_uid(path.read_bytes()[:length])
