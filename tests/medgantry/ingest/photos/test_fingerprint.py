import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from medgantry.cohort import Cohort, File
from medgantry.cohort.duplicates import RULE
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.ingest.photos.cohort import ingest, plan_photos
from medgantry.ingest.photos.config import PhotoConfig
from medgantry.ingest.photos.fingerprint import fingerprint_photo
from medgantry.ingest.photos.image import read_photo
from medgantry.phantoms.skin_lesions import write_photos
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source

TABLE = "HAM10000_metadata.csv"
Turn = Image.Transpose


def _half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)


def _twice(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)


COPIES: list[tuple[str, int, Callable[[Image.Image], Image.Image]]] = [
    ("quality 30", 30, lambda image: image),
    ("quality 50", 50, lambda image: image),
    ("quality 75", 75, lambda image: image),
    ("quality 95", 95, lambda image: image),
    ("mirrored", 90, lambda image: image.transpose(Turn.FLIP_LEFT_RIGHT)),
    ("upside down", 90, lambda image: image.transpose(Turn.FLIP_TOP_BOTTOM)),
    ("turned by 90", 90, lambda image: image.transpose(Turn.ROTATE_90)),
    ("turned by 180", 90, lambda image: image.transpose(Turn.ROTATE_180)),
    ("turned by 270", 90, lambda image: image.transpose(Turn.ROTATE_270)),
    ("mirrored and turned", 75, lambda image: image.transpose(Turn.TRANSVERSE)),
    ("half as large", 90, _half),
    ("twice as large", 90, _twice),
    ("half as large, turned", 75, lambda image: _half(image).transpose(Turn.ROTATE_90)),
    ("grey", 90, lambda image: image.convert("L").convert("RGB")),
    ("brighter", 90, lambda image: image.point(lambda level: min(level + 8, 255))),
]
"""What was done to each planted copy, its JPEG quality, and how."""


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    write_photos(folder, images=300)
    return folder


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images; the first ones also as copies under other names, as other lesions and of other quality."""
    folder = tmp_path_factory.mktemp("leaking")
    write_photos(folder, images=24)
    with (folder / TABLE).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for number, (_, quality, change) in enumerate(COPIES):
        (path,) = folder.rglob(f"{rows[number]['image_id']}.jpg")
        pixels, _notes = read_photo(path.name, path.read_bytes())
        copy = {**rows[number], "image_id": f"COPY_{number:02}", "lesion_id": f"LEAK_{number:02}"}
        change(Image.fromarray(pixels)).save(folder / f"{copy['image_id']}.jpg", quality=quality)
        rows.append(copy)
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def cohort(leaking: Path, tmp_path: Path, store: ObjectStore) -> Cohort:
    source, config = Source(str(leaking), tmp_path), PhotoConfig()
    return ingest(source, plan_photos(source, config), config, store)


def _planted(cohort: Cohort) -> list[tuple[str, str]]:
    originals = [case.case_id for case in cohort.cases if not case.case_id.startswith("COPY")]
    return [(original, f"COPY_{number:02}") for number, original in enumerate(originals[: len(COPIES)])]


def _leak(cohort: Cohort, **changes: object) -> SplitConfig:
    """Tests on what there was first and trains on the copies."""
    groups = {case.group_id for case in cohort.cases}
    assignment = {group: "train" if group.startswith("LEAK") else "test" for group in groups}
    return SplitConfig(assignment=assignment, **changes)


def test_every_planted_copy_is_found_and_named_and_nothing_else(cohort: Cohort) -> None:
    with pytest.raises(InvalidCohort) as error:
        split_cohort(cohort, _leak(cohort))
    group_of = {case.case_id: case.group_id for case in cohort.cases}
    for (original, copy), (done, _, _) in zip(_planted(cohort), COPIES, strict=True):
        wanted = f"{copy} (train, group {group_of[copy]}) and {original} (test, group {group_of[original]}): "
        assert wanted in error.value.message, done
    assert f" {len(COPIES)} pair(s) " in error.value.message


def test_copies_accepted_by_name_are_in_the_ledger(cohort: Cohort) -> None:
    names = [case_id for pair in _planted(cohort) for case_id in pair]
    divided = split_cohort(cohort, _leak(cohort, accepted_duplicates=names))
    found = [entry for entry in divided.entries if entry.rule == RULE]
    assert sorted(entry.item for entry in found) == [copy for _, copy in _planted(cohort)]
    with pytest.raises(InvalidCohort, match=r" 1 pair\(s\) .*COPY_00"):
        split_cohort(cohort, _leak(cohort, accepted_duplicates=[n for n in names if n != "COPY_00"]))
    with pytest.raises(InvalidInput, match="ISIC_9"):
        split_cohort(cohort, _leak(cohort, accepted_duplicates=[*names, "ISIC_9"]))


def test_copies_that_share_a_group_pass(cohort: Cohort) -> None:
    original_of = {copy: original for original, copy in _planted(cohort)}
    group_of = {case.case_id: case.group_id for case in cohort.cases}
    cases = [
        replace(case, group_id=group_of[original_of.get(case.case_id, case.case_id)]) for case in cohort.cases
    ]
    for seed in range(5):
        assert split_cohort(replace(cohort, cases=cases), SplitConfig(seed=seed)).is_split


def test_three_hundred_lesions_raise_no_alarm(phantoms: Path, cohort: Cohort) -> None:
    cases, files = [], []
    with (phantoms / TABLE).open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            (path,) = phantoms.rglob(f"{row['image_id']}.jpg")
            pixels, _ = read_photo(path.name, path.read_bytes())
            cases.append(replace(cohort.cases[0], case_id=row["image_id"], group_id=row["lesion_id"]))
            files.append(_row(row["image_id"], fingerprint_photo(pixels)))
    many = replace(cohort, cases=cases, files=files, entries=[])
    assert len(cases) == 300
    for seed in range(5):
        assert split_cohort(many, SplitConfig(seed=seed)).entries == []


def _row(case_id: str, fingerprint: str) -> File:
    return File(
        case_id=case_id,
        role="image",
        channel="RGB",
        channel_index=-1,
        uri="",
        format="png",
        sha256=case_id,
        shape=(90, 120),
        spacing_mm=(),
        orientation="",
        fingerprint=fingerprint,
    )


def test_the_fingerprint_is_of_the_pixels_not_of_the_file(cohort: Cohort, phantoms: Path) -> None:
    assert all(file.fingerprint.startswith("thumbnail:") for file in cohort.files)
    path = min(phantoms.rglob("*.jpg"))
    pixels, _ = read_photo(path.name, path.read_bytes())
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "BMP")
    again, _ = read_photo("a.bmp", content.getvalue())
    assert fingerprint_photo(again) == fingerprint_photo(pixels)
