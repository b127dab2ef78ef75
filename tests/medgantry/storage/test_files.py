import hashlib
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_file
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source, fetch, keep, locate

CONTENT = {"dataset.json": b"{}", "imagesTr/a.nii": b"voxels", "imagesTr/._a.nii": b"junk"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "task"
    for name, content in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "task.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder, arcname="Task01")
    return path


def _upload(store: ObjectStore, prefix: str) -> None:
    for name, content in CONTENT.items():
        store.put_bytes(f"{prefix}/{name}", content)


def test_a_folder_of_this_machine(folder: Path, tmp_path: Path) -> None:
    for uri in (str(folder), folder.as_uri()):
        source = Source(uri, tmp_path / "scratch")
        assert source.names() == ["dataset.json", "imagesTr/a.nii"]
        assert source.open_local("imagesTr/a.nii").read_bytes() == b"voxels"
    wanted = {"dataset.json": hashlib.sha256(b"{}").hexdigest(), "missing": ""}
    assert source.fingerprint(["dataset.json", "missing"]) == wanted
    source.forget("imagesTr/a.nii")
    assert (folder / "imagesTr/a.nii").exists()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        Source(str(tmp_path / "none"), tmp_path / "scratch")


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no source"):
        locate("ftp://host/file")


def test_local_files_are_kept_by_their_hash(folder: Path, tmp_path: Path, store: ObjectStore) -> None:
    source = Source(str(folder), tmp_path / "scratch")
    sha256 = hash_file(folder / "imagesTr/a.nii")
    uri = source.keep("imagesTr/a.nii", sha256, store)
    assert uri == store.uri(f"blobs/{sha256}") == keep(store, folder / "imagesTr/a.nii", sha256)
    path = fetch(uri, sha256, tmp_path / "cache", "nii")
    assert path.name == f"{sha256}.nii"
    assert path.read_bytes() == b"voxels"


def test_a_folder_of_our_store_stays_there(tmp_path: Path, store: ObjectStore) -> None:
    _upload(store, "data")
    source = Source(store.uri("data"), tmp_path / "scratch")
    assert source.names() == ["dataset.json", "imagesTr/a.nii"]
    path = source.open_local("imagesTr/a.nii")
    assert path.read_bytes() == b"voxels"
    uri = source.keep("imagesTr/a.nii", hash_file(path), store)
    assert uri == store.uri("data/imagesTr/a.nii")
    assert not store.exists(f"blobs/{hash_file(path)}")
    assert all(source.fingerprint(source.names()).values())
    source.forget("imagesTr/a.nii")
    assert not path.exists()


def test_a_neighbour_with_a_longer_name_is_not_part_of_a_folder(tmp_path: Path, store: ObjectStore) -> None:
    store.put_bytes("data/a", b"a")
    store.put_bytes("data2/b", b"b")
    assert Source(store.uri("data"), tmp_path / "scratch").names() == ["a"]


def test_a_changed_object_is_refused(tmp_path: Path, store: ObjectStore) -> None:
    store.put_bytes("data/a", b"new")
    with pytest.raises(InvalidInput, match="changed since ingest"):
        fetch(store.uri("data/a"), hashlib.sha256(b"old").hexdigest(), tmp_path / "cache", "nii")
    assert not list((tmp_path / "cache").iterdir())


def test_an_archive_with_the_right_md5(archive: Path, tmp_path: Path) -> None:
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    source = Source(str(archive), tmp_path / "scratch", md5)
    assert source.names() == ["dataset.json", "imagesTr/a.nii"]
    assert source.open_local("imagesTr/a.nii").read_bytes() == b"voxels"


def test_an_archive_with_a_wrong_md5_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="md5"):
        Source(str(archive), tmp_path / "scratch", "0" * 32)


def test_an_archive_in_the_store(archive: Path, tmp_path: Path, store: ObjectStore) -> None:
    store.put_file("task.tar", archive)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    source = Source(store.uri("task.tar"), tmp_path / "scratch", md5)
    assert source.names() == ["dataset.json", "imagesTr/a.nii"]
    # Voxels out of an archive have no address of their own: they are uploaded.
    sha256 = hash_file(source.open_local("imagesTr/a.nii"))
    assert source.keep("imagesTr/a.nii", sha256, store) == store.uri(f"blobs/{sha256}")


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "escapes"])
def test_an_archive_that_cannot_be_unpacked_is_refused(archive: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / f"{damage}.tar"
    if damage == "text":
        path.write_text("no archive\n" * 100)
    elif damage == "cut":
        path.write_bytes(archive.read_bytes()[:700])
    elif damage == "escapes":
        with tarfile.open(path, "w") as evil:
            evil.add(archive, arcname="../outside")
    with pytest.raises(InvalidInput, match=f"{damage}.tar"):
        Source(str(path), tmp_path / "scratch")
    assert not (tmp_path / "outside").exists()


def _zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in CONTENT:
            archive.write(folder / name, f"Task01/{name}")
    return path


def test_a_zip_stands_for_its_files(folder: Path, tmp_path: Path, store: ObjectStore) -> None:
    path = _zip(folder, tmp_path / "task.zip")
    store.put_file("task.zip", path)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    for number, uri in enumerate((str(path), store.uri("task.zip"))):
        source = Source(uri, tmp_path / f"scratch{number}", md5)
        assert source.names() == ["dataset.json", "imagesTr/a.nii"]
        assert source.open_local("imagesTr/a.nii").read_bytes() == b"voxels"
        assert not source.is_remote
    with pytest.raises(InvalidInput, match="md5"):
        Source(str(path), tmp_path / "scratch2", "0" * 32)


def test_two_unpackings_of_a_zip_have_the_same_marks(folder: Path, tmp_path: Path) -> None:
    path = _zip(folder, tmp_path / "task.zip")
    marks = Source(str(path), tmp_path / "one").marks()
    assert marks == Source(str(path), tmp_path / "two").marks()
    (folder / "imagesTr/a.nii").write_bytes(b"Voxels")
    changed = Source(str(_zip(folder, path)), tmp_path / "three").marks()
    assert {name for name in marks if marks[name] != changed[name]} == {"imagesTr/a.nii"}


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "escapes", "absolute", "link", "crc", "bomb"])
def test_a_zip_that_cannot_be_unpacked_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / f"{damage}.zip"
    content = _zip(folder, tmp_path / "whole").read_bytes()
    if damage == "text":
        path.write_text("no archive\n" * 100)
    elif damage == "cut":
        path.write_bytes(content[:200])
    elif damage == "crc":
        with zipfile.ZipFile(path, "w") as stored:
            stored.writestr("a.dcm", b"voxels")
        path.write_bytes(path.read_bytes().replace(b"voxels", b"vOxels"))
    elif damage == "bomb":
        path.write_bytes(content)
        with zipfile.ZipFile(path, "a") as huge:
            for info in huge.infolist():
                info.file_size = 1 << 60
            huge.writestr("more", b"")
    elif damage != "missing":
        with zipfile.ZipFile(path, "w") as evil:
            member = zipfile.ZipInfo({"escapes": "../outside", "absolute": "/outside"}.get(damage, "link"))
            member.external_attr = (stat.S_IFLNK | 0o777) << 16 if damage == "link" else 0
            evil.writestr(member, b"/etc/passwd")
    with pytest.raises(InvalidInput, match=f"{damage}.zip"):
        Source(str(path), tmp_path / "scratch")
    assert not (tmp_path / "outside").exists()


def test_marks_change_with_the_files(folder: Path, tmp_path: Path, store: ObjectStore) -> None:
    before = Source(str(folder), tmp_path / "scratch").marks()
    assert sorted(before) == ["dataset.json", "imagesTr/a.nii"]
    os.utime(folder / "imagesTr/a.nii", ns=(0, 1))
    after = Source(str(folder), tmp_path / "scratch").marks()
    assert {name for name in before if before[name] != after[name]} == {"imagesTr/a.nii"}

    _upload(store, "data")
    remote = Source(store.uri("data"), tmp_path / "scratch")
    assert remote.is_remote
    before = remote.marks()
    store.put_bytes("data/imagesTr/a.nii", b"others")
    after = Source(store.uri("data"), tmp_path / "scratch").marks()
    assert {name for name in before if before[name] != after[name]} == {"imagesTr/a.nii"}
