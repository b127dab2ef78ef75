import csv
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medgantry.cohort import Cohort
from medgantry.errors import InvalidInput, TooManyRejected
from medgantry.fingerprint import hash_file
from medgantry.ingest.nifti import IngestConfig, ingest, read_layout
from medgantry.ledger import counts
from medgantry.phantoms.brain_tumor import write_task
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source

REGIONS = {
    "TC": ["non-enhancing tumor", "enhancing tumour"],
    "WT": ["edema", "non-enhancing tumor", "enhancing tumour"],
    "ET": ["enhancing tumour"],
}
OLD = {"t1": "T1w", "t1ce": "T1gd", "t2": "T2w", "flair": "FLAIR"}
NEW = {"t1n": "T1w", "t1c": "T1gd", "t2w": "T2w", "t2f": "FLAIR"}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    write_task(folder, cases=20, broken=3, size=(20, 18, 16))
    return folder


def _config(**changes: object) -> IngestConfig:
    return IngestConfig(**{"regions": REGIONS, "labels": {}, **changes})


def _ingest(uri: Path | str, scratch: Path, store: ObjectStore, config: IngestConfig) -> Cohort:
    source = Source(str(uri), scratch)
    return ingest(source, read_layout(source, config), config, store)


def _write(
    path: Path, codes: tuple[int, ...] = (), shift: float = 0.0, shape: tuple[int, ...] = (5, 4, 3)
) -> None:
    """A small file: a label map of the codes, or noise."""
    rng = np.random.default_rng(len(path.name))
    voxels = rng.integers(1, 500, shape).astype(np.int16)
    if codes:
        voxels = np.resize(np.array(codes, dtype=np.int16), shape)
    affine = np.diag([-1.0, -1.5, 2.0, 1.0])
    affine[0, 3] = shift
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), path)


def test_every_damaged_case_is_rejected_by_its_rule(
    damaged: Path, tmp_path: Path, store: ObjectStore
) -> None:
    cohort = _ingest(damaged, tmp_path, store, _config())
    assert counts(cohort.entries) == {"ok": 17, "repaired": 0, "rejected": 3}
    assert {entry.item: entry.rule for entry in cohort.entries if entry.verdict == "rejected"} == {
        "BRATS_018": "the gzip stream is whole",
        "BRATS_019": "the files of a case have one shape",
        "BRATS_020": "the affine is finite",
    }
    assert all(entry.evidence and entry.remedy for entry in cohort.entries if entry.verdict == "rejected")
    assert [case.case_id for case in cohort.cases] == [f"BRATS_{number:03d}" for number in range(1, 18)]
    assert {case.targets["labels"] for case in cohort.cases} == {"edema+enhancing tumour+non-enhancing tumor"}
    assert cohort.channels == ["FLAIR", "T1w", "T1gd", "T2w"]
    assert cohort.region_codes() == {"TC": [2, 3], "WT": [1, 2, 3], "ET": [3]}


def test_a_missing_file_is_rejected(damaged: Path, tmp_path: Path, store: ObjectStore) -> None:
    shutil.copytree(damaged, tmp_path / "task")
    (tmp_path / "task/imagesTr/BRATS_001.nii.gz").unlink()
    cohort = _ingest(tmp_path / "task", tmp_path / "scratch", store, _config(max_rejected=0.5))
    (entry,) = (entry for entry in cohort.entries if entry.item == "BRATS_001")
    assert (entry.verdict, entry.rule) == ("rejected", "every listed file exists")


def test_the_budget_names_every_rejected_case(damaged: Path, tmp_path: Path, store: ObjectStore) -> None:
    with pytest.raises(TooManyRejected, match=r"BRATS_018.*BRATS_019.*BRATS_020"):
        _ingest(damaged, tmp_path, store, _config(max_rejected=0.0))


def test_files_are_listed_by_channel_with_their_geometry(
    phantoms: Path, tmp_path: Path, store: ObjectStore
) -> None:
    cohort = _ingest(phantoms, tmp_path, store, _config(max_rejected=0.0))
    assert len(cohort.cases) == 8
    files = cohort.files_of["BRATS_001"]
    assert [(f.role, f.channel, f.channel_index) for f in files] == [
        ("image", "FLAIR", 0),
        ("image", "T1w", 1),
        ("image", "T1gd", 2),
        ("image", "T2w", 3),
        ("label", "", -1),
    ]
    assert len({file.fingerprint for file in cohort.files if file.role == "image"}) == len(cohort.cases)
    assert files[0].fingerprint.startswith("voxels:")
    assert files[-1].fingerprint == ""
    path = phantoms / "imagesTr/BRATS_001.nii.gz"
    image = nib.load(path)
    assert {file.sha256 for file in files[:4]} == {hash_file(path)}
    assert list(files[0].shape) == list(image.shape[:3])
    np.testing.assert_allclose(files[0].spacing_mm, image.header.get_zooms()[:3], rtol=1e-6)
    assert files[0].orientation == "".join(nib.aff2axcodes(image.affine))
    assert store.get_bytes(f"blobs/{files[0].sha256}") == path.read_bytes()
    assert files[0].uri == store.uri(f"blobs/{files[0].sha256}")


def test_the_same_data_in_the_store_are_the_same_cohort(
    damaged: Path, tmp_path: Path, store: ObjectStore
) -> None:
    for path in damaged.rglob("*"):
        if path.is_file():
            store.put_file(f"raw/{path.relative_to(damaged).as_posix()}", path)
    local = _ingest(damaged, tmp_path / "a", store, _config())
    remote = _ingest(store.uri("raw"), tmp_path / "b", store, _config())
    assert remote.cohort_hash == local.cohort_hash
    assert remote.files[0].uri == store.uri("raw/imagesTr/BRATS_001.nii.gz")
    assert not [path for path in (tmp_path / "b").rglob("*.nii.gz")]  # room for few cases is enough


@pytest.mark.parametrize(
    ("name", "parts", "codes"),
    [("BraTS20_Training_{}_{}.nii.gz", OLD, (0, 1, 2, 4)), ("BraTS-GLI-{}-000-{}.nii.gz", NEW, (0, 1, 2, 3))],
)
def test_brats_of_both_namings(
    name: str, parts: dict[str, str], codes: tuple[int, ...], tmp_path: Path, store: ObjectStore
) -> None:
    for number in ("00001", "00002"):
        for part in parts:
            _write(tmp_path / "source" / number / name.format(number, part))
        _write(tmp_path / "source" / number / name.format(number, "seg"), codes)
    cohort = _ingest(tmp_path / "source", tmp_path / "scratch", store, _config(max_rejected=0.0))
    assert len(cohort.cases) == 2
    assert cohort.label_map["enhancing tumour"] == codes[-1]
    assert cohort.region_codes()["ET"] == [codes[-1]]
    by_channel = {f.channel: f for f in cohort.files_of[cohort.cases[0].case_id] if f.role == "image"}
    first = tmp_path / "source/00001"
    assert {channel: file.sha256 for channel, file in by_channel.items()} == {
        channel: hash_file(first / name.format("00001", part)) for part, channel in parts.items()
    }
    assert {file.channel_index for file in cohort.files} == {-1}


def test_brats_time_points_share_a_group_and_wrong_codes_are_rejected(
    tmp_path: Path, store: ObjectStore
) -> None:
    for case, codes in (("00001-000", (0, 3)), ("00001-001", (0, 3)), ("00002-000", (0, 4))):
        for part in NEW:
            _write(tmp_path / f"source/{case}/BraTS-GLI-{case}-{part}.nii.gz")
        _write(tmp_path / f"source/{case}/BraTS-GLI-{case}-seg.nii.gz", codes)
    cohort = _ingest(tmp_path / "source", tmp_path / "scratch", store, _config(max_rejected=0.5))
    assert [case.group_id for case in cohort.cases] == ["BraTS-GLI-00001"] * 2
    (rejected,) = (entry for entry in cohort.entries if entry.verdict == "rejected")
    assert rejected.rule == "label codes are in the label map"


def test_brats_of_mixed_namings_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "source/a_t1.nii.gz")
    _write(tmp_path / "source/b-t1n.nii.gz")
    with pytest.raises(InvalidInput, match="one naming"):
        read_layout(Source(str(tmp_path / "source"), tmp_path / "scratch"), _config())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="none"):
        read_layout(Source(str(tmp_path / "empty"), tmp_path / "scratch"), _config())


def _table(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


HEADER = ("case", "group", "channel", "path")


@pytest.mark.parametrize("place", ["folder", "csv", "store folder", "store csv"])
def test_a_table_of_files(tmp_path: Path, store: ObjectStore, place: str) -> None:
    rows = []
    for case in ("a", "b", "c"):
        _write(tmp_path / f"source/{case}/ct.nii.gz")
        _write(tmp_path / f"source/{case}/mask.nii", (0, 1), shift=5.0 if case == "c" else 0.0)
        rows += [
            (case, "patient", "ct", f"./{case}/ct.nii.gz"),
            (case, "patient", "label", f"{case}/mask.nii"),
        ]
    _table(tmp_path / "source/files.csv", rows, HEADER)
    uri = str(tmp_path / "source")
    if place.startswith("store"):
        for path in (tmp_path / "source").rglob("*.*"):
            store.put_file(f"raw/{path.relative_to(tmp_path / 'source').as_posix()}", path)
        uri = store.uri("raw")
    uri += "/files.csv" if place.endswith("csv") else ""
    config = _config(regions={}, labels={"background": 0, "lesion": 1}, max_rejected=0.4)
    cohort = _ingest(uri, tmp_path / "scratch", store, config)
    assert [(case.case_id, case.group_id) for case in cohort.cases] == [("a", "patient"), ("b", "patient")]
    assert cohort.channels == ["CT"]
    assert cohort.regions == {"lesion": ["lesion"]}
    assert [(f.format, list(f.shape), f.orientation) for f in cohort.files_of["a"]] == [
        ("nii.gz", [5, 4, 3], "LPS"),
        ("nii", [5, 4, 3], "LPS"),
    ]
    (rejected,) = (entry for entry in cohort.entries if entry.verdict == "rejected")
    assert (rejected.item, rejected.rule) == ("c", "the files of a case lie on one grid")


def test_tables_that_say_too_little_or_too_much_are_refused(tmp_path: Path) -> None:
    def read() -> None:
        read_layout(Source(str(tmp_path / "source"), tmp_path / "scratch"), _config())

    _table(tmp_path / "source/files.csv", [("a", "ct")], ("case", "channel"))
    with pytest.raises(InvalidInput, match="path"):
        read()
    _table(tmp_path / "source/files.csv", [("a", "", "ct", "1.nii"), ("a", "", "CT", "2.nii")], HEADER)
    with pytest.raises(InvalidInput, match="twice"):
        read()
    _table(tmp_path / "source/more.csv", [], HEADER)
    with pytest.raises(InvalidInput, match="one CSV"):
        read()


def test_an_unknown_layout_is_refused(phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="dicom"):
        read_layout(Source(str(phantoms), tmp_path), _config(layout="dicom"))


def test_paths_of_a_table_begin_at_its_own_folder(tmp_path: Path, store: ObjectStore) -> None:
    for case in ("a", "b"):
        _write(tmp_path / f"source/volumes/{case}.nii.gz")
        _write(tmp_path / f"source/lists/{case}-mask.nii", (0, 1))
    rows = [(case, "", "ct", f"../volumes/{case}.nii.gz") for case in ("a", "b")]
    rows += [(case, "", "label", f"{case}-mask.nii") for case in ("a", "b")]
    _table(tmp_path / "source/lists/files.csv", rows, HEADER)
    config = _config(layout="table", regions={}, labels={"background": 0, "lesion": 1})
    cohort = _ingest(str(tmp_path / "source"), tmp_path / "scratch", store, config)
    assert [case.case_id for case in cohort.cases] == ["a", "b"]
    assert {file.role for file in cohort.files} == {"image", "label"}
