from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from medgantry.phantoms.dicom.identity import (
    IdentifiedArchive,
    Identity,
    make_identity,
    plant,
    write_identified_study,
)
from medgantry.phantoms.dicom.series import make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IdentifiedArchive]:
    folder = tmp_path_factory.mktemp("archive")
    return folder, write_identified_study(folder, seed=0)


def _slice() -> Dataset:
    return make_series(SeriesSpec(slices=1, rows=8, columns=8)).datasets[0]


@pytest.mark.parametrize("number", [0, 1], ids=["UTF-8", "Japanese"])
def test_everything_planted_is_in_the_bytes(number: int, tmp_path: Path) -> None:
    dataset = _slice()
    planted = plant(dataset, make_identity(3, number))
    write_dataset(dataset, tmp_path / "1.dcm")
    content = (tmp_path / "1.dcm").read_bytes()
    assert [item.place for item in planted if item.encoded not in content] == []
    assert len({item.place for item in planted if item.kind == "text"}) > 120
    words = [item.text for item in planted if item.kind == "text"]
    assert len(set(words)) == len(words)
    assert all(content.count(word.encode()) == 1 for word in words if word.isalnum())


def test_places_of_every_sort_are_there() -> None:
    planted = plant(_slice(), make_identity(0))
    places = " ".join(item.place for item in planted)
    for part in (
        "preamble", "file meta PrivateInformation", "(6000,0022)", "(6000,3000)", "(5000,3000)", "(0009,1002)",
        "SourceImageSequence[0].(0029,1001)", "EncapsulatedDocument", "DataSetTrailingPadding", "IconImage",
        "RequestAttributesSequence.ScheduledProtocolCodeSequence.ProtocolContextSequence.TextValue",
        "ContributingEquipmentSequence.InstitutionName", "PatientWeight", "RetrieveURL", "StationAETitle",
    ):  # fmt: skip
        assert part in places
    assert {item.kind for item in planted} == {"text", "date", "time", "uid", "age", "name"}


@pytest.mark.parametrize("number", [0, 1])
def test_a_planted_file_is_still_read(number: int, tmp_path: Path) -> None:
    dataset = _slice()
    before = dataset.pixel_array.copy()
    person: Identity = make_identity(0, number)
    plant(dataset, person)
    write_dataset(dataset, tmp_path / "1.dcm")
    read = pydicom.dcmread(tmp_path / "1.dcm")
    np.testing.assert_array_equal(read.pixel_array, before)
    assert person.native.split("^")[0] in str(read.PatientName)
    assert read.RequestAttributesSequence[0].ScheduledProtocolCodeSequence[0].CodeMeaning
    assert read[0x0011, 0x1001][0][0x0011, 0x1001].value
    assert read[0xFFFC, 0xFFFC].value


def test_people_differ_in_all_parts() -> None:
    first, second = make_identity(5, 0), make_identity(5, 1)
    assert first == make_identity(5, 0)
    assert not set(first.strings) & set(second.strings)
    assert first.first_study.year - first.birth_date.year > 89


def test_the_archive_holds_what_it_says(archive: tuple[Path, IdentifiedArchive]) -> None:
    folder, written = archive
    assert len(written.files) == 2 * 2 * 7
    assert sorted(written.files) == sorted(path for path in folder.rglob("*") if path.is_file())
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in written.files}
    for item in written.planted:
        where = item.file.lower().encode() if item.kind == "path" else contents[item.file]
        sought = item.encoded.lower() if item.kind == "path" else item.encoded
        assert sought in where, (item.place, item.file)
    assert {item.file for item in written.planted} == contents.keys()


def test_objects_refer_to_each_other(archive: tuple[Path, IdentifiedArchive]) -> None:
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in archive[1].files]
    slices: dict[str, set[str]] = {}
    for header in headers:
        if header.Modality == "CT":
            slices.setdefault(header.StudyInstanceUID, set()).add(header.SOPInstanceUID)
    assert Counter(header.Modality for header in headers) == {"CT": 20, "SEG": 4, "RTSTRUCT": 4}
    for header in headers:
        if header.Modality == "SEG":
            listed = header.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        elif header.Modality == "RTSTRUCT":
            study = header.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
            listed = study.RTReferencedSeriesSequence[0].ContourImageSequence
        else:
            continue
        assert {item.ReferencedSOPInstanceUID for item in listed} == slices[header.StudyInstanceUID]


def test_intervals_are_those_of_the_files(archive: tuple[Path, IdentifiedArchive]) -> None:
    days: dict[str, set[datetime]] = {}
    for path in archive[1].files:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        days.setdefault(header.PatientID, set()).add(datetime.strptime(header.StudyDate, "%Y%m%d"))
    for patient, dates in days.items():
        found = tuple((day - min(dates)).days for day in sorted(dates))
        assert found == archive[1].study_days[patient]
        assert len(found) == 2


def test_same_seed_same_bytes(archive: tuple[Path, IdentifiedArchive], tmp_path: Path) -> None:
    folder, written = archive
    again = write_identified_study(tmp_path, seed=0)
    assert again.planted == written.planted
    for path in written.files:
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()
