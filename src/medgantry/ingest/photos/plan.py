"""Which image belongs to which line of the table, before any image is read."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname, join, normpath

from medgantry.ingest.photos.config import PhotoConfig
from medgantry.ingest.photos.places import Place, is_photo
from medgantry.ingest.photos.table import Row
from medgantry.ledger import Unusable


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the table with the places of its image; more than one place where it has copies."""

    row: Row
    places: Sequence[Place]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be read, and what is already known to be unusable."""

    table: str
    """Name of the table in the source."""
    listed: Sequence[Listed]
    refused: Sequence[tuple[str, Unusable]]
    """Item -> its verdict: lines of the table, images that no line names, archives."""


def make_plan(
    table: str,
    rows: Sequence[Row],
    places: Sequence[Place],
    refused: Iterable[tuple[str, Unusable]],
    config: PhotoConfig,
) -> Plan:
    """Match lines and images; an image's id is a file's name without suffix, unless a column names the file.

    Args:
        table: Name of the table in the source.
        rows: Its lines.
        places: All images.
        refused: What was found unusable while looking for images.
        config: What is wanted.
    """
    by_label = {place.label: [place] for place in places}
    by_stem: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_stem[place.stem].append(place)
    times = Counter(row.image for row in rows)
    listed: list[Listed] = []
    verdicts: dict[str, Unusable] = {}
    named: set[Place] = set()
    for row in rows:
        found = _places_of(row, table, by_label, by_stem)
        named.update(found)
        verdict = _verdict(row, found, times, config)
        if verdict:
            verdicts.setdefault(row.image or f"{table}, line {row.number}", verdict)
        else:
            listed.append(Listed(row=row, places=found))
    for place in places:
        if place not in named:
            verdicts[place.label] = Unusable(
                "every image is listed",
                f"no line of {table} names {place.label}",
                "Add a line, or choose the images with `images`.",
            )
    return Plan(table=table, listed=listed, refused=[*verdicts.items(), *refused])


def _places_of(
    row: Row, table: str, by_label: Mapping[str, list[Place]], by_stem: Mapping[str, list[Place]]
) -> list[Place]:
    if row.file:
        return by_label.get(normpath(join(dirname(table), row.file)), [])
    stem = row.image.rpartition(".")[0] if is_photo(row.image) else row.image
    return by_stem.get(stem, [])


def _verdict(
    row: Row, found: Sequence[Place], times: Mapping[str, int], config: PhotoConfig
) -> Unusable | None:
    columns = config.columns
    if (
        not row.image
        or row.image.startswith(".")
        or not row.image.isprintable()
        or set(row.image) & set("/\\")
    ):
        return Unusable(
            "an image's id is a plain name", f"line {row.number} has {row.image!r}", "Correct the table."
        )
    if times[row.image] > 1:
        return Unusable(
            "an image is listed once", f"{times[row.image]} lines have {row.image}", "Remove all but one."
        )
    if columns.group and not row.group:
        return Unusable(
            "an image belongs to a group",
            f"line {row.number} has no {columns.group}",
            f"Fill in {columns.group}: without it the same lesion may be trained and tested on.",
        )
    if columns.target and not row.target:
        return Unusable(
            "an image has a class",
            f"line {row.number} has no {columns.target}",
            "Fill it in, or remove the line.",
        )
    if config.classes and columns.target and row.target not in config.classes:
        return Unusable(
            "the class is one of those given",
            f"line {row.number} has {row.target!r}, known are {list(config.classes)}",
            "Correct the table or `classes`.",
        )
    if not found:
        return Unusable(
            "every listed file exists",
            f"there is no image {row.file or row.image}",
            "Restore the file, or look at `images` and `columns`.",
        )
    return None
