"""Nothing that names a person is left, and the verifier notices whatever would be."""

import io
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames

from medgantry.dicom.deidentification.deidentify import Deidentifier
from medgantry.dicom.deidentification.harvest import harvest, search
from medgantry.dicom.deidentification.profile import OPTIONS, parse_options
from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.dicom.deidentification.verify import verify_object
from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.objects import _header_bytes, _read, _write
from medgantry.phantoms.dicom.identity import write_identified_study
from medgantry.phantoms.dicom.raw import set_raw
from medgantry.phantoms.dicom.series import make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec

KEY = b"a key for tests, 32 bytes or more"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return write_identified_study(tmp_path_factory.mktemp("archive"), 0)


def deidentified(path, options="modified-dates,clean-pixel-data", skip=()):
    tool = Deidentifier(parse_options(options), Pseudonyms(KEY), skip)
    dataset = _read(path, pixels=True)
    tool(dataset)
    output = _write(dataset)
    return dataset, output, verify_object(output, harvest(_header_bytes(path)), tool.options)


@pytest.mark.parametrize("options", ["modified-dates", "basic", ",".join(OPTIONS)])
def test_no_planted_string_is_left_and_the_verifier_agrees(archive, options):
    assert len({planted.place for planted in archive.planted}) >= 30
    kept = {"age"} if "patient" in options else set()
    for path in archive.files:
        _, output, findings = deidentified(path, options)
        left = {
            planted.place
            for planted in archive.planted
            if planted.encoded in output
            and planted.kind not in kept
            and not kept_on_request(planted, options)
        }
        assert not left
        assert not [finding for finding in findings if not kept_on_request(finding, options)]


def kept_on_request(found, options):
    """A station's name is what the option device-identity keeps, an ethnic group what patient-characteristics does."""
    kept = (
        "Station",
        "Device",
        "Gantry",
        "Generator",
        "Plate",
        "Cassette",
        "Detector",
        "Scheduled",
        "Lens",
        "Ethnic",
    )
    return "device-identity" in options and any(word in str(getattr(found, "place", found)) for word in kept)


SKIPPED = {
    "PatientName": "pseudonym",
    "PatientID": "pseudonym",
    "private": "private",
    "overlays": "curves and overlays",
    "curves": "curves and overlays",
    "preamble": "preamble",
    "method": "says that identity",
    "uid": "no UID",
    "shift": "no date",
    "remove": "text is removed",
    "empty": "text is removed",
    "InstitutionName": "text is removed",
    "StudyDescription": "text is removed",
    "ImageComments": "text is removed",
}


@pytest.mark.parametrize("rule", sorted(SKIPPED))
def test_the_verifier_catches_a_rule_that_was_skipped(archive, rule):
    path = next(path for path in archive.files if dcmread(path).Modality == "CT")
    _, _, findings = deidentified(path, skip=[rule])
    assert any(SKIPPED[rule] in str(finding) for finding in findings), [str(finding) for finding in findings]
    planted = {planted.text for planted in archive.planted if len(planted.text) > 4}
    assert not any(text in str(finding) for finding in findings for text in planted)  # a finding names nobody


def test_the_verifier_sees_what_stands_before_the_data_set(archive):
    dataset, _, _ = deidentified(archive.files[0])
    dataset.file_meta.SourceApplicationEntityTitle = "WARD_7"
    stream = io.BytesIO()
    dcmwrite(stream, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    needles = harvest(_header_bytes(archive.files[0]))
    findings = verify_object(stream.getvalue(), needles, {"modified-dates"})
    assert any("file meta" in str(finding) for finding in findings)


def test_another_process_gives_the_same_names():
    code = (
        "from medgantry.dicom.deidentification.pseudonyms import Pseudonyms;"
        f"p = Pseudonyms({KEY!r}); print(p.patient('MRN-1'), p.uid('1.2.3'), p.shift('MRN-1').days,"
        " p.shift_time('120000', 'MRN-1'))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    here = Pseudonyms(KEY)
    assert runs == {
        f"{here.patient('MRN-1')} {here.uid('1.2.3')} {here.shift('MRN-1').days} {here.shift_time('120000', 'MRN-1')}\n"
    }
    assert here.patient("MRN-1") != Pseudonyms(KEY + b"!").patient("MRN-1")


def test_intervals_between_dates_and_references_survive(archive):
    days = {}
    uids, referred = set(), set()
    for path in archive.files:
        before = dcmread(path)
        after, _, _ = deidentified(path)
        for keyword in ("StudyDate", "SeriesDate"):
            moved = parse(after[keyword].value) - parse(before[keyword].value)
            days.setdefault(before.PatientID, set()).add(moved.days)
        uids.add(after.SOPInstanceUID)
        for element in after.iterall():
            if element.keyword == "ReferencedSOPInstanceUID":
                referred.add(element.value)
    assert all(len(shifts) == 1 and max(shifts) < 0 for shifts in days.values())
    assert len({next(iter(shifts)) for shifts in days.values()}) == len(days)
    assert referred
    assert referred & uids


def parse(text):
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def test_an_age_above_89_is_hidden(archive):
    after, _, _ = deidentified(archive.files[0], "patient-characteristics")
    assert after.PatientAge == "090Y"


@pytest.mark.parametrize("encode", [lambda text: text.encode(), lambda text: text.encode("utf-16-le")])
def test_search_finds_names_in_other_files(encode):
    needles = harvest(b"\x10\0\x10\0PN\x0a\0Quillf^Ada 1.2.3.4.5.6.7 20200131")
    assert search(b"..." + encode("about Quillf"), needles) == ["name"]
    assert search(b"..." + encode("1.2.3.4.5.6.7"), needles) == ["UID"]
    assert search(b"on 20200131,", needles) == ["date"]
    assert not search(b"nothing here 1.2.3", needles)


def test_a_short_key_and_a_wrong_option_are_refused():
    with pytest.raises(InvalidInput, match="at least 16 bytes"):
        Pseudonyms(b"short")
    with pytest.raises(InvalidInput, match="retain-everything"):
        parse_options("retain-everything")


def test_what_is_sealed_opens_with_the_key_alone():
    sealed = Pseudonyms(KEY).seal({"patient": "DOE"})
    assert b"DOE" not in sealed
    assert Pseudonyms(KEY).unseal(sealed) == {"patient": "DOE"}
    with pytest.raises(InvalidInput):
        Pseudonyms(KEY + b"!").unseal(sealed)


NAME, NUMBER = "Quillfeather^Ondine", "48151623"
HIDDEN = {
    "a code string": lambda one: one.add_new("Modality", "CS", ["CT", "ONDINE"]),
    "a UID like the standard's": lambda one: one.add_new(
        "InstanceCreatorUID", "UI", "1.2.840.10008.48151623.19210301"
    ),
    "numbers that are text": lambda one: set_raw(
        one, "SmallestImagePixelValue", b"Ondine Quillfeather ", vr="US"
    ),
    "a lookup table": lambda one: one.add_new("LUTData", "OW", b"Ondine^Quillfeather."),
    "pixels of a nested image": lambda one: one.add_new(
        "SourceImageSequence", "SQ", [nested("PixelData", "OB", b"Ondine")]
    ),
    "a counter": lambda one: one.add_new("AcquisitionNumber", "IS", NUMBER),
    "a scanner's name": lambda one: one.add_new("ManufacturerModelName", "LO", "Discovery of Dr Fernmoss"),
    "a version": lambda one: one.add_new("CodingSchemeVersion", "SH", "19210301"),
    "ages": lambda one: one.add_new("PatientAge", "AS", ["001Y", "095Y"]),
    "an institution": lambda one: one.add_new("InstitutionName", "LO", "Fernmoss"),
    "a procedure's name": lambda one: one.add_new("ProtocolName", "LO", "CHEST^ROUTINE"),
}


def nested(keyword, kind, value):
    item = Dataset()
    item.add_new(keyword, kind, value)
    return item


@pytest.mark.parametrize("place", sorted(HIDDEN))
@pytest.mark.parametrize("options", ["modified-dates", ",".join(OPTIONS)])
def test_what_hides_in_unusual_places_goes_and_nothing_else_alarms(place, options, tmp_path):
    (dataset,) = make_series(SeriesSpec(slices=1, patient_id=NUMBER)).datasets
    dataset.PatientName, dataset.PatientBirthDate = NAME, "19210301"
    dataset.BodyPartExamined = "CHEST"
    HIDDEN[place](dataset)
    write_dataset(dataset, tmp_path / "one.dcm")
    after, output, findings = deidentified(tmp_path / "one.dcm", options)
    assert not findings, [str(finding) for finding in findings]
    for needle in (b"Ondine", b"ONDINE", b"Quillfeather", NUMBER.encode(), b"19210301", b"Fernmoss", b"095Y"):
        assert needle not in output
    assert after.BodyPartExamined == "CHEST"


@pytest.mark.parametrize("name", ["MARY^ANN", "JONES^GINA", "Manufacturer^Rows", "CHEST^PAUL"])
def test_a_name_that_is_part_of_a_term_raises_no_alarm(name, tmp_path):
    (dataset,) = make_series(SeriesSpec(slices=1)).datasets
    dataset.PatientName = name
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    write_dataset(dataset, tmp_path / "one.dcm")
    after, _, findings = deidentified(tmp_path / "one.dcm")
    assert not findings
    assert list(after.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]


def test_kept_pixels_hold_no_comment_and_no_overlay(tmp_path):
    (dataset,) = make_series(SeriesSpec(slices=1, transfer_syntax="1.2.840.10008.1.2.4.90")).datasets
    (code,) = generate_frames(dataset.PixelData, number_of_frames=1)
    comment = b"\xff\x64" + (len(NAME) + 4).to_bytes(2, "big") + b"\0\1" + NAME.encode()
    at = code.index(b"\xff\x52")
    dataset.PixelData = encapsulate([code[:at] + comment + code[at:]])
    write_dataset(dataset, tmp_path / "one.dcm")
    assert NAME.encode() in (tmp_path / "one.dcm").read_bytes()
    after, output, findings = deidentified(tmp_path / "one.dcm")
    assert not findings
    assert NAME.encode() not in output
    assert np.array_equal(after.pixel_array, dcmread(tmp_path / "one.dcm").pixel_array)
