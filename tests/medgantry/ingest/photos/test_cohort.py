import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from medgantry.cohort import Cohort
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.errors import InvalidInput, TooManyRejected
from medgantry.ingest.photos.cohort import files_read, ingest, plan_photos
from medgantry.ingest.photos.config import PhotoColumns, PhotoConfig
from medgantry.ingest.photos.step import ingest_photos
from medgantry.ledger import counts
from medgantry.phantoms.skin_lesions import CLASSES, PLANTED, write_photos
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source, fetch

CONFIG = PhotoConfig(classes=CLASSES, max_rejected=0.5)
TABLE = "HAM10000_metadata.csv"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 images, the last five damaged, each in another way; not to be changed."""
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, images=20, damaged=5, size=(24, 32))
    return folder


@pytest.fixture
def copy(photos: Path, tmp_path: Path) -> Path:
    shutil.copytree(photos, tmp_path / "copy")
    return tmp_path / "copy"


def _ingest(uri: Path | str, scratch: Path, store: ObjectStore, config: PhotoConfig = CONFIG) -> Cohort:
    source = Source(str(uri), scratch)
    return ingest(source, plan_photos(source, config), config, store)


def _rules(cohort: Cohort) -> dict[str, str]:
    return {entry.item: entry.rule for entry in cohort.entries if entry.verdict == "rejected"}


def _edit(folder: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    with (folder / TABLE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    change(rows)
    with (folder / TABLE).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_every_damaged_image_is_rejected_by_its_rule(
    photos: Path, tmp_path: Path, store: ObjectStore
) -> None:
    cohort = _ingest(photos, tmp_path, store)
    assert counts(cohort.entries) == {"ok": 15, "repaired": 0, "rejected": 5}
    assert _rules(cohort) == {
        "ISIC_0024321": "the JPEG decodes to its last pixel",
        "ISIC_0024322": "every listed file exists",
        "ISIC_0024323": "the content is what the suffix says",
        "ISIC_0024324": "the class is one of those given",
        "ISIC_0024325": "an image is listed once",
    }
    assert all(entry.evidence and entry.remedy for entry in cohort.entries if entry.verdict == "rejected")
    with pytest.raises(TooManyRejected, match="ISIC_0024321"):
        _ingest(photos, tmp_path, store, replace(CONFIG, max_rejected=0.2))


def test_cases_are_grouped_by_lesion_and_carry_what_the_table_says(
    photos: Path, tmp_path: Path, store: ObjectStore
) -> None:
    cohort = _ingest(photos, tmp_path, store, replace(CONFIG, licence="CC BY-NC 4.0"))
    with (photos / TABLE).open(newline="") as stream:
        rows = {row["image_id"]: row for row in csv.DictReader(stream)}
    for case in cohort.cases:
        row = rows[case.case_id]
        assert case.group_id == row["lesion_id"]
        wanted = {
            name: row[name] for name in ("dx_type", "age", "sex", "localization", "dataset") if row[name]
        }
        assert case.targets == {**wanted, "diagnosis": row["dx"]}
    assert (cohort.licence, cohort.provenance["table"]) == ("CC BY-NC 4.0", TABLE)
    assert cohort.provenance["classes"] == list(CLASSES)
    sides = split_cohort(cohort, SplitConfig(stratify_by="diagnosis"))
    assert all(sides.side(side) for side in ("train", "validation", "test"))


def test_images_in_the_store_are_the_decoded_pixels_and_nothing_else(
    photos: Path, tmp_path: Path, store: ObjectStore
) -> None:
    cohort = _ingest(photos, tmp_path / "scratch", store)
    originals = {path.stem: path for path in photos.rglob("*.jpg")}
    for file in cohort.files:
        assert (file.role, file.channel, file.channel_index, file.format) == ("image", "RGB", -1, "png")
        assert (list(file.shape), list(file.spacing_mm), file.orientation) == ([24, 32], [], "")
        path = fetch(file.uri, file.sha256, tmp_path, file.format)
        original = ImageOps.exif_transpose(Image.open(originals[file.case_id]))
        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(original))
        assert not any(text.encode() in path.read_bytes() for text in PLANTED)
        assert not Image.open(path).info
    said = json.dumps([vars(entry) for entry in cohort.entries])
    assert not any(text in said for text in PLANTED)
    assert "removed: EXIF, XMP, comment" in said
    assert "turned by EXIF orientation 6" in said


def test_the_same_images_are_the_same_cohort_wherever_they_lie(
    photos: Path, tmp_path: Path, store: ObjectStore
) -> None:
    local = _ingest(photos, tmp_path / "a", store)
    for path in photos.rglob("*"):
        if path.is_file():
            store.put_file(f"raw/{path.relative_to(photos).as_posix()}", path)
    remote = _ingest(store.uri("raw"), tmp_path / "b", store)
    assert remote.cohort_hash == local.cohort_hash
    assert not list((tmp_path / "b").rglob("*.jpg"))  # room for few images is enough
    (tmp_path / "zipped").mkdir()
    shutil.copy(photos / TABLE, tmp_path / "zipped/HAM10000_metadata")
    for folder in photos.glob("HAM10000_images_*"):
        shutil.make_archive(str(tmp_path / "zipped" / folder.name), "zip", photos, folder.name)
    zipped = _ingest(tmp_path / "zipped", tmp_path / "c", store)
    assert zipped.cohort_hash == local.cohort_hash
    assert _rules(zipped) == _rules(local)


def test_what_the_table_says_wrongly_is_rejected_line_by_line(
    copy: Path, tmp_path: Path, store: ObjectStore
) -> None:
    def damage(rows: list[dict[str, str]]) -> None:
        rows[0]["image_id"] = ""
        rows[1]["lesion_id"] = " "
        rows[2]["dx"] = ""
        rows[3]["image_id"] = "../ISIC_0024309"
        rows[4]["image_id"] = ".ISIC_0024310"

    _edit(copy, damage)
    found = _rules(_ingest(copy, tmp_path / "scratch", store, replace(CONFIG, max_rejected=0.8)))
    assert found[f"{TABLE}, line 2"] == "an image's id is a plain name"
    assert found["ISIC_0024307"] == "an image belongs to a group"
    assert found["ISIC_0024308"] == "an image has a class"
    assert found["../ISIC_0024309"] == found[".ISIC_0024310"] == "an image's id is a plain name"
    for number in (24306, 24309, 24310):  # their files stand in no line now
        assert found[f"HAM10000_images_part_1/ISIC_00{number}.jpg"] == "every image is listed"


def test_an_id_with_a_suffix_and_a_column_of_paths_find_their_files(
    copy: Path, tmp_path: Path, store: ObjectStore
) -> None:
    plain = _ingest(copy, tmp_path / "a", store)

    def name_files(rows: list[dict[str, str]]) -> None:
        for number, row in enumerate(rows):
            row["path"] = f"./HAM10000_images_part_{1 if number < 10 else 2}/{row['image_id']}.jpg"

    _edit(copy, name_files)
    columns = PhotoColumns.parse({"file": "path"})
    named = _ingest(copy, tmp_path / "b", store, replace(CONFIG, columns=columns))
    assert named.cohort_hash == plain.cohort_hash

    def add_suffix(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["image_id"] += ".jpg"

    _edit(copy, add_suffix)
    suffixed = _ingest(copy, tmp_path / "c", store)
    assert len(suffixed.cases) == 15
    assert suffixed.cases[0].case_id == "ISIC_0024306.jpg"


def test_copies_are_one_image_and_namesakes_are_none(copy: Path, tmp_path: Path, store: ObjectStore) -> None:
    (copy / "again").mkdir()
    first, second = sorted(copy.glob("*_part_1/*.jpg"))[:2]
    shutil.copy(first, copy / "again" / first.name)
    shutil.copy(first, copy / "again" / second.name)
    found = _rules(_ingest(copy, tmp_path, store))
    assert first.stem not in found
    assert found[second.stem] == "an image's id names one image"
    chosen = _rules(_ingest(copy, tmp_path, store, replace(CONFIG, images="HAM10000_images_part_*")))
    assert second.stem not in chosen


def test_any_class_is_taken_where_none_is_given(photos: Path, tmp_path: Path, store: ObjectStore) -> None:
    cohort = _ingest(photos, tmp_path, store, replace(CONFIG, classes=()))
    assert "ISIC_0024324" not in _rules(cohort)
    assert cohort.provenance["classes"] == sorted([*CLASSES, "??"])


def test_a_damaged_archive_costs_its_images_only(copy: Path, tmp_path: Path, store: ObjectStore) -> None:
    shutil.make_archive(str(copy / "part_2"), "zip", copy, "HAM10000_images_part_2")
    shutil.rmtree(copy / "HAM10000_images_part_2")
    (copy / "part_2.zip").write_bytes((copy / "part_2.zip").read_bytes()[:-40])
    found = _rules(_ingest(copy, tmp_path, store, replace(CONFIG, max_rejected=0.9)))
    assert found["part_2.zip"] == "the archive can be read"
    assert found["ISIC_0024316"] == "every listed file exists"


def test_a_profile_that_does_not_fit_is_a_repair(copy: Path, tmp_path: Path, store: ObjectStore) -> None:
    path = copy / "HAM10000_images_part_1/ISIC_0024306.jpg"
    image = Image.open(path)
    image.save(path, icc_profile=b"nonsense")
    cohort = _ingest(copy, tmp_path, store)
    (entry,) = (entry for entry in cohort.entries if entry.verdict == "repaired")
    assert entry.item == "ISIC_0024306"
    assert "sRGB assumed" in entry.evidence


def test_a_source_without_images_is_refused(copy: Path, tmp_path: Path, store: ObjectStore) -> None:
    with pytest.raises(InvalidInput, match="no usable image"):
        _ingest(copy, tmp_path, store, replace(CONFIG, images="nothing", max_rejected=1.0))


def _step(output: Path, source: Path, **changes: object) -> Cohort:
    arguments = {
        "metadata": "", "images": "", "columns": "", "classes": ", ".join(CLASSES), "licence": "",
        "max_rejected": 0.5, "external": False,
    }  # fmt: skip
    ingest_photos(output, source=str(source), **{**arguments, **changes})
    return Cohort.open(output)


def _record(store: ObjectStore) -> dict[str, object]:
    record: dict[str, object] = json.loads(store.get_bytes("runs/test/steps/ingest_photos.json"))
    return record


def test_the_step_reuses_what_the_same_content_gave(copy: Path, tmp_path: Path, store: ObjectStore) -> None:
    first = _step(tmp_path / "1", copy)
    assert _record(store)["verdicts"] == {"ok": 15, "repaired": 0, "rejected": 5}
    assert not _record(store)["reused"]
    assert _step(tmp_path / "2", copy).cohort_hash == first.cohort_hash
    assert _record(store)["reused"]
    path = copy / "HAM10000_images_part_1/ISIC_0024306.jpg"
    content = io.BytesIO()
    Image.open(path).rotate(180).save(content, "JPEG")
    path.write_bytes(content.getvalue())
    assert _step(tmp_path / "3", copy).cohort_hash != first.cohort_hash
    assert not _record(store)["reused"]


def test_every_file_that_decides_the_cohort_is_looked_at(photos: Path, tmp_path: Path) -> None:
    names = files_read(plan_photos(Source(str(photos), tmp_path), CONFIG))
    assert TABLE in names
    assert len([name for name in names if name.endswith(".jpg")]) == 17  # without missing, unknown and twice
