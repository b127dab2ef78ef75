import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from medgantry.errors import InvalidInput, Mismatch
from medgantry.phantoms.skin_lesions import CLASSES, COLUMNS, PLANTED, PUBLISHED_LESIONS, main, write_photos

SMALL = (24, 32)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "HAM10000_metadata.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skin")
    write_photos(folder, images=30, size=SMALL)
    return folder


def test_the_table_is_ham10000s(folder: Path) -> None:
    rows = _rows(folder)
    assert tuple(rows[0]) == COLUMNS
    assert len({row["image_id"] for row in rows}) == 30
    assert {row["dx"] for row in rows} == set(CLASSES) == set(PUBLISHED_LESIONS)
    lesions = Counter(row["lesion_id"] for row in rows)
    assert max(lesions.values()) == 3
    for name in ("dx", "age", "sex"):
        assert len({(row["lesion_id"], row[name]) for row in rows}) == len(lesions)


def test_images_lie_in_two_folders_and_are_upright_by_their_exif(folder: Path) -> None:
    found = {path.stem: path for path in folder.rglob("*.jpg")}
    assert set(found) == {row["image_id"] for row in _rows(folder)}
    assert {path.parent.name for path in found.values()} == {
        "HAM10000_images_part_1",
        "HAM10000_images_part_2",
    }
    stored = set()
    for path in found.values():
        with Image.open(path) as image:
            stored.add(image.size)
            assert ImageOps.exif_transpose(image).size == (32, 24)
    assert stored == {(32, 24), (24, 32)}


def test_every_image_carries_every_planted_text(folder: Path) -> None:
    for path in folder.rglob("*.jpg"):
        data = path.read_bytes()
        assert all(text.encode() in data for text in PLANTED)
        assert Image.open(path).getexif().get_ifd(0x8825)  # GPS


def test_the_same_settings_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_photos(tmp_path, images=30, size=SMALL)
    assert _contents(tmp_path) == _contents(folder)
    write_photos(tmp_path / "more", images=40, size=SMALL)
    name = "HAM10000_images_part_1/ISIC_0024306.jpg"
    assert (tmp_path / "more" / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"images": 30, "size": SMALL}, "f68f8b352e597408bf4ce6b66a4ce42c41769f37d095b9a72d6af39db38590c6"),
        ({"images": 12, "damaged": 5}, "49f249f19df92826fc42f4954c2e33f57a6af222c26e6019cb36651ce53a52aa"),
        (
            {"images": 9, "seed": 3, "size": (40, 30), "published": True},
            "014364b4e84440aa366a9beb1608b8eff91aec3dbdc8506a7855dc928551ea9c",
        ),
    ],
)
def test_every_byte_is_as_it_was_before_there_were_masks(
    settings: dict[str, int], wanted: str, tmp_path: Path
) -> None:
    """Hashes of the first version; a new Pillow whose JPEG encoder differs asks for new ones."""
    write_photos(tmp_path, **settings)
    digest = hashlib.sha256()
    for name, content in sorted(_contents(tmp_path).items(), key=lambda item: Path(item[0])):
        digest.update(name.encode() + content)
    assert digest.hexdigest() == wanted


def _pictures_and_masks(folder: Path, masks: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = []
    for path in sorted(folder.rglob("*.jpg")):
        with Image.open(path) as photo, Image.open(masks / f"{path.stem}_segmentation.png") as mask:
            pairs.append((np.asarray(ImageOps.exif_transpose(photo)).astype(float), np.asarray(mask)))
    return pairs


def _contrast(picture: np.ndarray, mask: np.ndarray) -> float:
    """Distance of the mean colours inside and outside, of 255."""
    return float(np.linalg.norm(picture[mask == 0].mean(axis=0) - picture[mask > 0].mean(axis=0)))


@pytest.mark.parametrize("placing", [{}, {"spread": 0.7, "radius": 0.4}])
def test_masks_fit_the_pictures_as_a_viewer_shows_them(placing: dict[str, float], tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", images=30, masks=tmp_path / "masks", **placing)
    assert len(list((tmp_path / "masks").glob("*.png"))) == 30
    pairs = _pictures_and_masks(tmp_path / "photos", tmp_path / "masks")
    assert len(pairs) == 30
    for picture, mask in pairs:
        assert mask.shape == picture.shape[:2] == (90, 120)
        assert set(np.unique(mask)) == {0, 255}
        contrast = _contrast(picture, mask)
        assert contrast > 15
        # The same mask upside down fits worse, unless the lesion lies in the middle.
        assert not placing or contrast > _contrast(picture, mask[::-1, ::-1])


def test_masks_leave_the_photos_as_they_are(folder: Path, tmp_path: Path) -> None:
    before = _contents(folder)
    write_photos(folder, images=30, size=SMALL, masks=tmp_path)
    assert _contents(folder) == before
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_photos(folder, images=30, size=SMALL, masks=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    with pytest.raises(Mismatch, match="seed"):
        write_photos(tmp_path / "other", images=30, size=SMALL, seed=1, masks=tmp_path)


@pytest.mark.parametrize("place", ["photos", "photos/HAM10000_images_part_1/masks", "photos/../photos/masks"])
def test_masks_among_the_photos_are_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="outside"):
        write_photos(tmp_path / "photos", images=1, masks=tmp_path / place)
    assert not list(tmp_path.iterdir())


def test_lesions_can_be_small_and_off_centre(tmp_path: Path) -> None:
    middles, areas = {}, {}
    for name, placing in (("usual", {}), ("small", {"radius": 0.4}), ("far", {"radius": 0.4, "spread": 0.7})):
        write_photos(tmp_path / name, images=30, masks=tmp_path / f"{name} masks", **placing)
        masks = [mask for _, mask in _pictures_and_masks(tmp_path / name, tmp_path / f"{name} masks")]
        middles[name] = np.std([np.argwhere(mask).mean(axis=0) for mask in masks], axis=0)
        areas[name] = np.mean([np.count_nonzero(mask) for mask in masks])
    assert areas["small"] == pytest.approx(areas["usual"] * 0.4**2, rel=0.05)
    assert (middles["far"] > 3 * middles["small"]).all()
    with pytest.raises(Mismatch, match="spread"):
        write_photos(tmp_path / "far", images=30, radius=0.4)


def test_what_is_there_is_left_alone(folder: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_photos(folder, images=30, size=SMALL)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(Mismatch, match="images"):
        write_photos(folder, images=31, size=SMALL)
    (tmp_path / "HAM10000_metadata.csv").write_text("lesion_id\n")
    with pytest.raises(Mismatch, match="holds no phantom"):
        write_photos(tmp_path, images=1)


def test_classes_look_different(folder: Path) -> None:
    means: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    for row in _rows(folder):
        (path,) = folder.rglob(f"{row['image_id']}.jpg")
        pixels = np.asarray(ImageOps.exif_transpose(Image.open(path))).astype(float)
        means[row["dx"]].append(pixels[8:16, 12:20].mean(axis=(0, 1)))
    dark, light = np.mean(means["mel"]), np.mean(means["akiec"])
    assert dark + 40 < light


def test_published_marginals_are_drawn(tmp_path: Path) -> None:
    write_photos(tmp_path, images=400, size=(16, 16), published=True)
    share = Counter(row["dx"] for row in _rows(tmp_path))["nv"] / 400
    assert 0.6 < share < 0.8


def test_damages_are_what_they_say(tmp_path: Path) -> None:
    write_photos(tmp_path, images=10, damaged=5, size=SMALL)
    rows = _rows(tmp_path)
    files = {path.stem: path for path in tmp_path.rglob("*.jpg")}
    names = list(dict.fromkeys(row["image_id"] for row in rows))
    with pytest.raises(OSError, match="truncated"):
        Image.open(files[names[5]]).load()
    assert names[6] not in files
    assert Image.open(files[names[7]]).format == "PNG"
    assert [row["dx"] for row in rows if row["image_id"] == names[8]] == ["??"]
    assert [row["image_id"] for row in rows].count(names[9]) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"images": 0},
        {"images": 2, "damaged": 3},
        {"seed": -1},
        {"size": (8, 90)},
        {"spread": -0.1},
        {"spread": 1.1},
        {"spread": float("nan")},
        {"radius": 0.0},
        {"radius": float("nan")},
        {"radius": 1.6},
        {"size": (16, 16), "radius": 0.5},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        write_photos(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "a"), "--images", "3", "--size", "16", "20"])
    assert len(_rows(tmp_path / "a")) == 3
    placing = ["--spread", "0.6", "--radius", "0.5", "--masks", str(tmp_path / "masks")]
    main([str(tmp_path / "c"), "--images", "3", "--size", "48", "48", *placing])
    assert len(list((tmp_path / "masks").glob("ISIC_*_segmentation.png"))) == 3
    assert '"spread": 0.6, "radius": 0.5' in (tmp_path / "c" / "phantom.json").read_text()
    with pytest.raises(SystemExit):
        main([str(tmp_path / "b"), "--images", "0"])
    assert "images=0" in capsys.readouterr().err
