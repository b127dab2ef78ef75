"""From a plan to a cohort: every image judged, the good ones kept as PNG in the store."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.cohort import Case, Cohort, File
from medgantry.errors import InvalidInput
from medgantry.ingest.photos.config import PhotoConfig
from medgantry.ingest.photos.fingerprint import fingerprint_photo
from medgantry.ingest.photos.image import read_photo
from medgantry.ingest.photos.places import Place, list_places, read_place
from medgantry.ingest.photos.plan import Listed, Plan, make_plan
from medgantry.ingest.photos.png_file import encode_png
from medgantry.ingest.photos.table import Row, find_table, read_rows
from medgantry.ledger import Entry, Unusable, check_budget
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source, keep

STEP = "ingest_photos"
TARGET = "diagnosis"
"""The class's name among a case's targets, whatever its column is called."""
CHANNEL = "RGB"
_BATCH = 32
"""Images on this machine at a time."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """An image that was accepted."""

    path: Path
    """Its PNG on this machine."""
    sha256: str
    shape: tuple[int, int]
    """Rows, columns."""
    fingerprint: str
    done: Sequence[str]
    repaired: Sequence[str]


def plan_photos(source: Source, config: PhotoConfig) -> Plan:
    """Read the table and find its images.

    Raises:
        InvalidInput: If there is no table that says what `config` wants to know.
    """
    table = find_table(source, config.metadata, config.columns)
    rows = read_rows(source.open_local(table), config.columns)
    places, refused = list_places(source, config.images)
    return make_plan(table, rows, places, refused, config)


def files_read(plan: Plan) -> list[str]:
    """Every file that decides the cohort, sorted."""
    return sorted({plan.table, *(place.file for listed in plan.listed for place in listed.places)})


def ingest(source: Source, plan: Plan, config: PhotoConfig, store: ObjectStore) -> Cohort:
    """Judge every image and keep the good ones in the store.

    Raises:
        TooManyRejected: If more items are rejected than allowed.
        InvalidInput: If no image is left.
    """
    cases: list[Case] = []
    files: list[File] = []
    entries = [verdict.entry(item, STEP) for item, verdict in plan.refused]
    for row, result, uri in _kept(source, plan, store):
        if isinstance(result, Unusable):
            entries.append(result.entry(row.image, STEP))
            continue
        targets = {**row.extra, **({TARGET: row.target} if config.columns.target else {})}
        cases.append(Case(case_id=row.image, group_id=row.group, targets=targets))
        files.append(_file(row.image, result, uri))
        entries.append(_accepted(row.image, result))
    check_budget(entries, total=len(entries), max_rejected=config.max_rejected)
    if not cases:
        raise InvalidInput(
            f"{source.uri} holds no usable image; {plan.table} lists {len(plan.listed)}.", "Read the ledger."
        )
    return Cohort(
        cases=cases,
        files=files,
        entries=entries,
        channels=[CHANNEL],
        label_map={},
        regions={},
        licence=config.licence,
        provenance={
            "source": source.uri,
            "table": plan.table,
            "columns": asdict(config.columns),
            "classes": list(config.classes)
            or sorted({case.targets.get(TARGET, "") for case in cases} - {""}),
        },
        external=config.external,
    )


def _kept(source: Source, plan: Plan, store: ObjectStore) -> Iterator[tuple[Row, Photo | Unusable, str]]:
    """Lines of the table with their judgement and, for accepted images, the URI in the store."""

    def bring(listed: Listed) -> Mapping[Place, Path]:
        return {place: source.open_local(place.file) for place in listed.places}

    def upload(result: Photo | Unusable) -> str:
        return "" if isinstance(result, Unusable) else keep(store, result.path, result.sha256)

    with (
        TemporaryDirectory(prefix="medgantry-") as scratch,
        ThreadPoolExecutor(4) as threads,
        ProcessPoolExecutor(2) as judges,
    ):
        targets = [Path(scratch) / f"{number}.png" for number in range(_BATCH)]
        for start in range(0, len(plan.listed), _BATCH):
            batch = plan.listed[start : start + _BATCH]
            brought = list(threads.map(bring, batch))
            results = list(judges.map(judge, brought, targets[: len(batch)]))
            uris = list(threads.map(upload, results))
            yield from zip((listed.row for listed in batch), results, uris, strict=True)
            for place in (place for places in brought for place in places if not place.member):
                source.forget(place.file)


def judge(places: Mapping[Place, Path], target: Path) -> Photo | Unusable:
    """Read one image and write it as PNG; every place holds a copy of it."""
    try:
        data = {place: read_place(path, place) for place, path in places.items()}
        first = next(iter(data))
        differing = [place.label for place in data if data[place] != data[first]]
        if differing:
            raise Unusable(
                "an image's id names one image",
                f"{first.label} and {differing[0]} differ",
                "Choose the images with `images`, or name the column with their files in `columns`.",
            )
        pixels, notes = read_photo(first.label, data[first])
    except Unusable as verdict:
        return verdict
    content = encode_png(pixels)
    target.write_bytes(content)
    return Photo(
        path=target,
        sha256=hashlib.sha256(content).hexdigest(),
        shape=(pixels.shape[0], pixels.shape[1]),
        fingerprint=fingerprint_photo(pixels),
        done=notes.done,
        repaired=notes.repaired,
    )


def _accepted(item: str, photo: Photo) -> Entry:
    return Entry(
        item=item,
        step=STEP,
        verdict="repaired" if photo.repaired else "ok",
        rule="the image was decoded to its last pixel and holds nothing else",
        evidence="; ".join([*photo.repaired, *photo.done]),
    )


def _file(case_id: str, photo: Photo, uri: str) -> File:
    return File(
        case_id=case_id,
        role="image",
        channel=CHANNEL,
        channel_index=-1,
        uri=uri,
        format="png",
        sha256=photo.sha256,
        shape=photo.shape,
        spacing_mm=(),  # nobody knows how large a photo's pixel is
        orientation="",
        fingerprint=photo.fingerprint,
    )
