"""Ingest of volumes: any layout and format we read, to a cohort of NIfTI files, a verdict for every case."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from medgantry.cohort import Case, Cohort, File
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.ingest.brats import read_brats
from medgantry.ingest.candidate import Candidate, Layout
from medgantry.ingest.decathlon import read_decathlon
from medgantry.ingest.nifti_facts import NiftiFacts, check_aligned, read_facts
from medgantry.ingest.table import read_table
from medgantry.ingest.volumes.convert import as_nifti
from medgantry.ingest.volumes.formats import companions, format_of
from medgantry.ledger import Entry, Unusable, check_budget
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source, keep

STEP = "ingest_nifti"


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """What the source is and what its labels mean."""

    regions: Mapping[str, Sequence[str]]
    """Region name -> labels by name; empty makes one region of every label."""
    layout: str = "auto"
    """`decathlon`, `brats`, `table`, or `auto` to see by what files there are."""
    labels: Mapping[str, int]
    """Label name -> code; needed for a table, read from the source otherwise."""
    max_rejected: float = 0.2
    """Allowed share of rejected cases."""
    external: bool = False
    """Whether the cohort shares no patient with any training data."""


def read_layout(source: Source, config: IngestConfig) -> Layout:
    """The source's candidates, by the reader for its layout.

    Raises:
        InvalidInput: If no layout is recognised.
    """
    layout = config.layout
    if layout == "auto":
        names = source.names()
        if "dataset.json" in names:
            layout = "decathlon"
        elif any(name.endswith(".csv") and "/" not in name for name in names):
            layout = "table"
        else:
            layout = "brats"
    if layout == "decathlon":
        return read_decathlon(source)
    if layout == "brats":
        return read_brats(source)
    if layout == "table":
        return read_table(source, dict(config.labels))
    raise InvalidInput(f"layout must be auto, decathlon, brats or table, got {layout!r}.")


def ingest(source: Source, layout: Layout, config: IngestConfig, store: ObjectStore) -> Cohort:
    """Judge every candidate and keep the good ones' files in the store.

    Raises:
        TooManyRejected: If more candidates are rejected than allowed.
    """
    regions = config.regions or {name: [name] for name, code in layout.label_map.items() if code}
    cases: list[Case] = []
    files: list[File] = []
    entries: list[Entry] = []
    codes = frozenset(layout.label_map.values())
    names = {code: name for name, code in layout.label_map.items()}
    for candidate, result in _judge_all(source, layout, codes):
        if isinstance(result, Unusable):
            entries.append(result.entry(candidate.case_id, STEP))
            continue
        facts, found = result
        targets = (
            {"labels": "+".join(sorted(names[code] for code in found if code))} if candidate.label else {}
        )
        cases.append(Case(case_id=candidate.case_id, group_id=candidate.group_id, targets=targets))
        files += _file_rows(candidate, facts, source, store)
        entries.append(
            Entry(
                item=candidate.case_id,
                step=STEP,
                verdict="ok",
                rule="files, geometry and labels were checked",
                evidence=_conversions(facts),
            )
        )
    check_budget(entries, total=len(layout.candidates), max_rejected=config.max_rejected)
    if not cases:
        raise InvalidInput(f"{source.uri} holds no usable case of {len(layout.candidates)}.")
    return Cohort(
        cases=cases,
        files=files,
        entries=entries,
        channels=layout.channels,
        label_map=layout.label_map,
        regions=regions,
        licence=layout.licence,
        provenance={"source": source.uri, **layout.notes},
        external=config.external,
    )


def _conversions(facts: Mapping[str, NiftiFacts]) -> str:
    found = [f"{name} ({format_of(name).name})" for name, fact in facts.items() if fact.conversion]
    return f"converted to nii.gz: {', '.join(found)}" if found else ""


def files_read(source: Source, layout: Layout) -> list[str]:
    """Every file that decides the cohort, sorted: those of the layout and those that belong to them."""
    listed = set(source.names())
    named = {name for c in layout.candidates for name in (*c.images.values(), c.label) if name}
    return sorted({part for name in named for part in (name, *_companions(source, name, listed))})


def _companions(source: Source, name: str, listed: set[str]) -> list[str]:
    """What lies beside a file and belongs to it, as far as the source has it."""
    if name not in listed:
        return []
    path = PurePosixPath(name)
    beside = companions(path.name, lambda: source.open_local(name))
    return [part for part in (str(path.with_name(other)) for other in beside) if part in listed]


Judgement = tuple[dict[str, NiftiFacts], frozenset[int]]


def _judge_all(
    source: Source, layout: Layout, codes: frozenset[int]
) -> Iterable[tuple[Candidate, Judgement | Unusable]]:
    """Candidates with their judgement; reading is spread over the cores, one case in memory on each."""
    listed = set(source.names())

    def bring(candidate: Candidate) -> tuple[dict[str, Path], list[str]]:
        wanted = {*candidate.images.values(), *([candidate.label] if candidate.label else [])}
        paths = {
            name: source.open_local(name) if name in listed else Path("not in the source") / name
            for name in wanted
        }
        beside = [part for name in sorted(wanted) for part in _companions(source, name, listed)]
        for part in beside:
            source.open_local(part)
        return paths, beside

    with (
        TemporaryDirectory(prefix="medgantry-") as scratch,
        ThreadPoolExecutor(2) as fetchers,
        ProcessPoolExecutor(2) as judges,
    ):
        for start in range(0, len(layout.candidates), 8):
            batch = layout.candidates[start : start + 8]
            brought = list(fetchers.map(bring, batch))
            places = [Path(scratch) / str(start + number) for number in range(len(batch))]
            jobs = [
                judges.submit(_judge, candidate, paths, place, layout.channels, codes)
                for candidate, (paths, _), place in zip(batch, brought, places, strict=True)
            ]
            for candidate, job, (paths, beside), place in zip(batch, jobs, brought, places, strict=True):
                yield candidate, job.result()
                shutil.rmtree(place)
                for name in (*paths, *beside):
                    source.forget(name)


def _judge(
    candidate: Candidate,
    paths: Mapping[str, Path],
    place: Path,
    channels: Sequence[str],
    codes: frozenset[int],
) -> Judgement | Unusable:
    place.mkdir()
    try:
        return _check_case(candidate, paths, place, channels, codes)
    except Unusable as verdict:
        return verdict


def _check_case(
    candidate: Candidate,
    paths: Mapping[str, Path],
    place: Path,
    channels: Sequence[str],
    codes: frozenset[int],
) -> Judgement:
    def facts_of(name: str, *, is_label: bool = False) -> tuple[NiftiFacts, frozenset[int]]:
        folder = place / hash_value(name)  # two folders may hold files of one name
        folder.mkdir(exist_ok=True)
        readable = as_nifti(paths[name], folder)
        fact, found = read_facts(readable, is_label=is_label)
        return replace(fact, conversion=None if readable == paths[name] else readable), found

    absent = [channel for channel in channels if channel not in candidate.images]
    if absent:
        raise Unusable("every channel has a file", f"{absent} are missing", "Add the files.")
    facts = {name: facts_of(name)[0] for name in sorted(set(candidate.images.values()))}
    for name, fact in facts.items():
        _check_channels(name, fact, candidate, len(channels))
    reference_name, reference = next(iter(facts.items()))
    for name, fact in facts.items():
        check_aligned(reference_name, reference, name, fact)
    found: frozenset[int] = frozenset()
    if candidate.label:
        label, found = facts_of(candidate.label, is_label=True)
        if len(label.shape) != 3:
            raise Unusable(
                "a label map has three axes", f"{candidate.label} has {label.shape}", "Export it again."
            )
        check_aligned(reference_name, reference, candidate.label, label)
        if not found <= codes:
            raise Unusable(
                "label codes are in the label map",
                f"{candidate.label} has {sorted(found)}, known are {sorted(codes)}",
                "Correct the label map or the layout's year.",
            )
        facts[candidate.label] = label
    return facts, found


def _check_channels(name: str, fact: NiftiFacts, candidate: Candidate, channels: int) -> None:
    if not candidate.stacked and len(fact.shape) == 3:
        return
    wanted = channels if candidate.stacked else 1
    found = fact.shape[3] if len(fact.shape) == 4 else 1
    if found != wanted:
        raise Unusable(
            "a file holds its channels", f"{name} has {found}, {wanted} were wanted", "Export all channels."
        )


def _file_rows(
    candidate: Candidate, facts: Mapping[str, NiftiFacts], source: Source, store: ObjectStore
) -> list[File]:
    uris = {
        name: keep(store, fact.conversion, fact.sha256)
        if fact.conversion
        else source.keep(name, fact.sha256, store)
        for name, fact in facts.items()
    }

    def row(name: str, role: str, channel: str, index: int) -> File:
        fact = facts[name]
        return File(
            case_id=candidate.case_id,
            role=role,
            channel=channel,
            channel_index=index,
            uri=uris[name],
            format=fact.format,
            sha256=fact.sha256,
            shape=fact.shape[:3],
            spacing_mm=fact.spacing_mm[:3],
            orientation=fact.orientation[:3],
            fingerprint=fact.fingerprint,
        )

    rows = [
        row(
            name, "image", channel, (index if candidate.stacked else 0) if len(facts[name].shape) == 4 else -1
        )
        for index, (channel, name) in enumerate(candidate.images.items())
    ]
    if candidate.label:
        rows.append(row(candidate.label, "label", "", -1))
    return rows
