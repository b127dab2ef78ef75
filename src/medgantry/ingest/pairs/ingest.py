"""Ingest of pairs: a layout of ours or Learn2Reg's, to a cohort of NIfTI files, a verdict for every pair."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from medgantry.cohort import PAIR, Case, Cohort, File
from medgantry.errors import InvalidInput
from medgantry.ingest.pairs.judge import PairFacts, judge_pair
from medgantry.ingest.pairs.learn2reg import read_learn2reg
from medgantry.ingest.pairs.pair import Pair, PairLayout
from medgantry.ingest.pairs.pair_table import read_pair_table
from medgantry.ledger import Entry, Unusable, check_budget
from medgantry.storage import ObjectStore
from medgantry.storage.files import Source

STEP = "ingest_pairs"
_LABELS = {"background": 0, "mask": 1}


@dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """What the source is."""

    layout: str = "auto"
    """`learn2reg`, `table`, or `auto` to see by what files there are."""
    modality: str = "CT"
    """Of the images that a table lists."""
    max_rejected: float = 0.2
    """Allowed share of rejected pairs."""
    external: bool = False
    """Whether the cohort shares no patient with any training data."""


def read_pairs(source: Source, config: PairsConfig) -> PairLayout:
    """The source's pairs, by the reader for its layout.

    Raises:
        InvalidInput: If there is no such layout, or the source is not of it.
    """
    layout = config.layout
    if layout == "auto":
        layout = "learn2reg" if any(name.endswith("_dataset.json") for name in source.names()) else "table"
    if layout == "learn2reg":
        return read_learn2reg(source)
    if layout == "table":
        return read_pair_table(source, config.modality)
    raise InvalidInput(f"layout must be auto, learn2reg or table, got {layout!r}.")


def files_read(layout: PairLayout) -> list[str]:
    """Every file that decides the cohort, sorted."""
    return sorted({name for pair in layout.pairs for name in pair.files.values()})


def ingest_pairs(source: Source, layout: PairLayout, config: PairsConfig, store: ObjectStore) -> Cohort:
    """Judge every pair and keep the good ones' files in the store.

    Raises:
        TooManyRejected: If more pairs are rejected than allowed.
        InvalidInput: If none is left.
    """
    cases: list[Case] = []
    files: list[File] = []
    entries: list[Entry] = []
    for pair, result in _judge_all(source, layout):
        if isinstance(result, Unusable):
            entries.append(result.entry(pair.case_id, STEP))
            continue
        cases.append(Case(case_id=pair.case_id, group_id=pair.group_id))
        files += _file_rows(pair, result, layout.modality, source, store)
        rule = "files, grid, masks and keypoints were checked"
        entries.append(Entry(item=pair.case_id, step=STEP, verdict="ok", rule=rule))
    check_budget(entries, total=len(layout.pairs), max_rejected=config.max_rejected)
    if not cases:
        raise InvalidInput(f"{source.uri} holds no usable pair of {len(layout.pairs)}.")
    return Cohort(
        cases=cases,
        files=files,
        entries=entries,
        channels=[layout.modality],
        label_map=_LABELS if layout.has_masks else {},
        regions={},
        licence=layout.licence,
        provenance={"source": source.uri, **layout.notes},
        external=config.external,
    )


def _judge_all(source: Source, layout: PairLayout) -> Iterable[tuple[Pair, PairFacts | Unusable]]:
    """Pairs with their judgement; two are read at a time, and forgotten."""
    listed = set(source.names())

    def judge(pair: Pair) -> PairFacts | Unusable:
        paths = {
            role: source.open_local(name) if name in listed else Path("not in the source") / name
            for role, name in pair.files.items()
        }
        try:
            return judge_pair(paths, needs_masks=layout.has_masks)
        except Unusable as verdict:
            return verdict

    with ThreadPoolExecutor(2) as judges:
        for start in range(0, len(layout.pairs), 4):
            batch = layout.pairs[start : start + 4]
            for pair, result in zip(batch, judges.map(judge, batch), strict=True):
                yield pair, result
                for name in pair.files.values():
                    source.forget(name)


def _file_rows(pair: Pair, facts: PairFacts, modality: str, source: Source, store: ObjectStore) -> list[File]:
    volumes = [
        File(
            case_id=pair.case_id,
            role=role,
            channel=modality if role in PAIR else "",
            channel_index=-1,
            uri=source.keep(pair.files[role], fact.sha256, store),
            format=fact.format,
            sha256=fact.sha256,
            shape=fact.shape,
            spacing_mm=fact.spacing_mm,
            orientation=fact.orientation,
            fingerprint=fact.fingerprint,
        )
        for role, fact in facts.volumes.items()
    ]
    tables = [
        File(
            case_id=pair.case_id,
            role=role,
            channel="",
            channel_index=-1,
            uri=source.keep(pair.files[role], sha256, store),
            format="csv",
            sha256=sha256,
            shape=[],
            spacing_mm=[],
            orientation="",
        )
        for role, sha256 in facts.tables.items()
    ]
    return [*volumes, *tables]
