"""Volumes of other formats, from a table to the store."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from medgantry.cohort import Cohort
from medgantry.fingerprint import hash_file
from medgantry.ingest.nifti import IngestConfig, files_read, ingest, read_layout
from medgantry.ledger import counts
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source, fetch

AFFINE = np.diag([-1.0, -1.5, 2.0, 1.0])
CONFIG = IngestConfig(regions={}, labels={"background": 0, "lesion": 1}, max_rejected=0.5)
IMAGES = {
    "nifti": "ct.nii.gz",
    "nrrd": "ct.nrrd",
    "nhdr": "ct.nhdr",
    "mha": "ct.mha",
    "mhd": "ct.mhd",
    "npz": "ct.npz",
    "npy": "ct.npy",
}


def _write(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        nib.save(nib.Nifti1Image(voxels, AFFINE), path)
    elif path.suffix == ".npz":
        np.savez(path, voxels=voxels, affine=AFFINE)
    elif path.suffix == ".npy":
        np.save(path, voxels)
        path.with_suffix(".json").write_text(json.dumps({"affine": AFFINE.tolist()}))
    else:
        image = SimpleITK.GetImageFromArray(voxels.transpose(2, 1, 0))
        image.SetSpacing((1.0, 1.5, 2.0))
        SimpleITK.WriteImage(image, str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A case in each format, all of the same voxels; the label is NRRD; one more case is cut off."""
    rng = np.random.default_rng(0)
    voxels, label = rng.integers(0, 500, (5, 4, 3)).astype(np.int16), np.eye(5, 4)[..., None].repeat(3, 2)
    rows = []
    for case, name in {**IMAGES, "cut": "ct.mha"}.items():
        _write(tmp_path / "source" / case / name, voxels)
        _write(tmp_path / "source" / case / "label.nrrd", label.astype(np.uint8))
        rows += [(case, "ct", f"{case}/{name}"), (case, "label", f"{case}/label.nrrd")]
    cut = tmp_path / "source/cut/ct.mha"
    cut.write_bytes(cut.read_bytes()[:-2])
    with (tmp_path / "source/files.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("case", "channel", "path"), *rows])
    return tmp_path / "source"


@pytest.fixture(params=["folder", "store"])
def cohort(
    request: pytest.FixtureRequest, folder: Path, tmp_path: Path, store: ObjectStore
) -> Iterator[Cohort]:
    uri = str(folder)
    if request.param == "store":
        for path in folder.rglob("*.*"):
            store.put_file(f"raw/{path.relative_to(folder).as_posix()}", path)
        uri = store.uri("raw")
    source = Source(uri, tmp_path / "scratch")
    yield ingest(source, read_layout(source, CONFIG), CONFIG, store)
    left = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file() and path.suffix != ".csv"]
    assert not left  # room for few cases is enough


def test_every_format_becomes_nifti_in_the_store(cohort: Cohort, folder: Path, tmp_path: Path) -> None:
    assert counts(cohort.entries) == {"ok": len(IMAGES), "repaired": 0, "rejected": 1}
    original = nib.load(folder / "nifti/ct.nii.gz")
    for case in IMAGES:
        image, label = cohort.files_of[case]
        assert (image.format, image.orientation, list(image.shape)) == ("nii.gz", "LPS", [5, 4, 3])
        path = fetch(image.uri, image.sha256, tmp_path, image.format)
        np.testing.assert_array_equal(nib.load(path).get_fdata(), original.get_fdata())
        np.testing.assert_allclose(nib.load(path).affine, AFFINE, atol=1e-5)
        assert np.unique(
            nib.load(fetch(label.uri, label.sha256, tmp_path, label.format)).get_fdata()
        ).tolist() == [0, 1]
    assert {case.targets["labels"] for case in cohort.cases} == {"lesion"}


def test_a_nifti_file_is_kept_as_it_is_and_a_conversion_by_its_content(
    cohort: Cohort, folder: Path, store: ObjectStore
) -> None:
    assert cohort.files_of["nifti"][0].sha256 == hash_file(folder / "nifti/ct.nii.gz")
    converted = {cohort.files_of[case][0].sha256 for case in IMAGES if case != "nifti"}
    assert len(converted) == 1  # the same content whatever it came in
    assert cohort.files_of["mha"][0].uri == store.uri(f"blobs/{converted.pop()}")


def test_the_ledger_says_what_was_converted(cohort: Cohort) -> None:
    evidence = {entry.item: entry.evidence for entry in cohort.entries}
    assert evidence["npy"] == "converted to nii.gz: npy/ct.npy (NumPy), npy/label.nrrd (NRRD)"
    assert evidence["nifti"] == "converted to nii.gz: nifti/label.nrrd (NRRD)"
    (cut,) = (entry for entry in cohort.entries if entry.verdict == "rejected")
    assert (cut.item, cut.rule) == ("cut", "the file holds the voxels its header promises")


def test_files_that_a_header_names_decide_the_cohort_too(folder: Path, tmp_path: Path) -> None:
    source = Source(str(folder), tmp_path / "scratch")
    names = files_read(source, read_layout(source, CONFIG))
    assert {"mhd/ct.raw", "nhdr/ct.raw", "npy/ct.json"} <= set(names)
    assert set(names) == {path for path in source.names() if path != "files.csv"}
