import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest

from medgantry.errors import InvalidInput, Mismatch
from medgantry.phantoms.dicom.__main__ import main
from medgantry.phantoms.dicom.archive import DAMAGES, ArchivePatient, write_archive
from medgantry.phantoms.dicom.dirty import DIRTY
from medgantry.phantoms.dicom.series import make_series


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[ArchivePatient, ...]]:
    folder = tmp_path_factory.mktemp("archive")
    return folder, write_archive(folder, patients=4, broken=1)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_patient_has_a_series_to_choose_and_others(
    archive: tuple[Path, tuple[ArchivePatient, ...]],
) -> None:
    folder, patients = archive
    assert [patient.label for patient in patients] == ["SEG", "SEG", "RTSTRUCT", "SEG"]
    assert [patient.damage for patient in patients] == [None, None, None, "one slice missing"]
    for patient in patients:
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in patient.files]
        assert {header.PatientID for header in headers} == {patient.patient_id}
        assert len({header.StudyInstanceUID for header in headers}) == 1
        assert len({header.SOPInstanceUID for header in headers}) == len(headers)
        kinds = Counter((header.Modality, header.get("ConvolutionKernel")) for header in headers)
        assert {kind[1] for kind in kinds if kind[0] == "CT"} == {"B30f", "B70f", "T20f"}
        assert kinds[patient.label, None] == 1
        assert {header.SeriesNumber for header in headers} >= {1, 2, 3, 4}
    written = sum(len(patient.files) for patient in patients)
    assert len([path for path in folder.rglob("*.dcm")]) == written


def test_highdicom_reads_ct_and_lesion(archive: tuple[Path, tuple[ArchivePatient, ...]]) -> None:
    patient = archive[1][0]
    headers = [pydicom.dcmread(path) for path in patient.files]
    chosen = [header for header in headers if header.SeriesInstanceUID == patient.series.spec.series_uid]
    volume = hd.get_volume_from_series(chosen)
    along = volume.affine[:3, 0] @ patient.series.affine[:3, 0] > 0
    np.testing.assert_array_equal(volume.array[:: 1 if along else -1], patient.series.voxels)
    assert patient.series.voxels.shape == (24, 64, 64)
    (segmentation,) = (header for header in headers if header.Modality == "SEG")
    lesion = hd.seg.Segmentation.from_dataset(segmentation).get_volume(segment_numbers=[1])
    assert lesion.array.sum() == patient.lesion.sum() > 50


def test_the_lesion_is_brighter_than_without(archive: tuple[Path, tuple[ArchivePatient, ...]]) -> None:
    for patient in archive[1][:3]:
        assert 0.002 < patient.lesion.mean() < 0.05
        without = make_series(replace(patient.series.spec, lesions=()))
        difference = patient.series.voxels - without.voxels
        assert difference[patient.lesion].mean() > 80
        assert difference[~patient.lesion].mean() < 2


def test_broken_patients_are_rejected_ones() -> None:
    assert {DIRTY[name](0).expected for name in DAMAGES} == {"rejected"}


def test_same_seed_same_bytes_in_another_process(
    archive: tuple[Path, tuple[ArchivePatient, ...]], tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "medgantry.phantoms.dicom",
        str(tmp_path),
        "--patients",
        "4",
        "--broken",
        "1",
    ]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert _contents(tmp_path) == _contents(archive[0])
    assert done.stdout.splitlines() == [
        f"{tmp_path}: 4 patients (1 broken: one slice missing), {len(_contents(tmp_path)) - 1} files"
    ]


def test_a_patient_does_not_depend_on_how_many_there_are(
    archive: tuple[Path, tuple[ArchivePatient, ...]], tmp_path: Path
) -> None:
    write_archive(tmp_path, patients=1)
    one = {name: content for name, content in _contents(tmp_path).items() if name.endswith(".dcm")}
    assert one.items() <= _contents(archive[0]).items()
    assert len(one) == 24 + 1 + 24 + 16 + 1


def test_written_files_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first,) = write_archive(tmp_path, patients=1)
    first.files[0].write_bytes(b"touched")
    main([str(tmp_path), "--patients", "1"])
    assert first.files[0].read_bytes() == b"touched"
    with pytest.raises(Mismatch, match="another folder"):
        write_archive(tmp_path, patients=2)
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), "--patients", "1", "--seed", "1"])
    assert stop.value.code == 2
    assert "another folder" in capsys.readouterr().err


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Mismatch, match="not empty"):
        write_archive(tmp_path)


@pytest.mark.parametrize("settings", [{"patients": 0}, {"patients": 1, "broken": 2}, {"seed": -1}])
def test_senseless_settings_are_refused(settings: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        write_archive(tmp_path / "a", **settings)
    assert not (tmp_path / "a").exists()


def test_identified_archives_hold_what_was_planted(tmp_path: Path) -> None:
    patients = write_archive(tmp_path, patients=1, identified=True)
    contents = [path.read_bytes() for path in patients[0].files]
    words = {item.encoded for item in patients[0].planted if item.kind == "text"}
    assert len(words) > 130
    assert all(any(word in content for content in contents) for word in words)
    assert patients[0].patient_id in str(patients[0].files[0])
