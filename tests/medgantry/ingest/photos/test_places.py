import zipfile
from pathlib import Path

import pytest

from medgantry.ingest.photos.places import Place, list_places, read_place
from medgantry.ledger import Unusable
from medgantry.storage.files import Source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name in ("a.jpg", "part_1/b.JPEG", "part_2/c.png", "part_2/notes.txt", "part_2/._c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    with zipfile.ZipFile(folder / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("in/d.tif", "in/e.bmp", "__MACOSX/in/d.tif", "in/._d.tif", "in/readme.txt"):
            archive.writestr(name, f"zipped {name}")
    return folder


def _list(folder: Path, pattern: str = "") -> tuple[list[str], list[str]]:
    places, refused = list_places(Source(str(folder), folder.parent / "scratch"), pattern)
    return [place.label for place in places], [label for label, _ in refused]


def test_images_are_found_in_folders_and_archives(folder: Path) -> None:
    assert _list(folder) == (
        ["a.jpg", "more.zip/in/d.tif", "more.zip/in/e.bmp", "part_1/b.JPEG", "part_2/c.png"], [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("part_1", ["part_1/b.JPEG"]),
        ("part_1/", ["part_1/b.JPEG"]),
        ("part_*", ["part_1/b.JPEG", "part_2/c.png"]),
        ("*.png", ["part_2/c.png"]),
        ("more.zip", ["more.zip/in/d.tif", "more.zip/in/e.bmp"]),
        ("more.zip/in/d.tif", ["more.zip/in/d.tif"]),
        ("part", []),
    ],
)
def test_a_folder_archive_or_pattern_chooses_among_them(folder: Path, pattern: str, found: list[str]) -> None:
    assert _list(folder, pattern)[0] == found


def test_members_are_read_one_by_one(folder: Path) -> None:
    place = Place("more.zip", "in/e.bmp")
    assert read_place(folder / "more.zip", place) == b"zipped in/e.bmp"
    assert read_place(folder / "a.jpg", Place("a.jpg")) == b"a.jpg"


@pytest.mark.parametrize("name", ["../e.png", "/etc/e.png", "in/../../e.png", "C:/e.png", "..\\e.png"])
def test_names_that_leave_the_archive_are_refused(folder: Path, name: str) -> None:
    info = zipfile.ZipInfo("placeholder.png")
    info.filename = name
    with zipfile.ZipFile(folder / "more.zip", "a") as archive:
        archive.writestr(info, b"x")
    places, refused = _list(folder)
    assert refused == [f"more.zip/{name}"]
    assert not [label for label in places if label.endswith("e.png")]


def test_a_damaged_archive_is_refused_and_the_others_are_read(folder: Path) -> None:
    data = (folder / "more.zip").read_bytes()
    (folder / "cut.zip").write_bytes(data[:-30])
    places, refused = _list(folder)
    assert refused == ["cut.zip"]
    assert len(places) == 5


def test_a_damaged_member_is_rejected(folder: Path) -> None:
    path = folder / "more.zip"
    data = bytearray(path.read_bytes())
    data[data.index(b"in/e.bmp") + 12] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(Unusable) as caught:
        read_place(path, Place("more.zip", "in/e.bmp"))
    assert caught.value.rule == "the file can be read to its end"


def test_empty_and_huge_files_are_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.jpg").write_bytes(b"")
    with pytest.raises(Unusable, match="not empty"):
        read_place(folder / "a.jpg", Place("a.jpg"))
    monkeypatch.setattr("medgantry.ingest.photos.places.MAX_FILE_BYTES", 5)
    for path, place in (
        ("part_1/b.JPEG", Place("part_1/b.JPEG")),
        ("more.zip", Place("more.zip", "in/d.tif")),
    ):
        with pytest.raises(Unusable, match="memory"):
            read_place(folder / path, place)
