"""Damaged files get the verdict that an honest reader should come to, and no accepted volume is wrong."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.names import names_for
from medgantry.ingest.dicom.selection import Select
from medgantry.ingest.dicom.sources.files import FileSource
from medgantry.ingest.dicom.study import StudyIngest
from medgantry.storage.files import Source
from tests.medgantry.dicom.inner_mutations import MULTI_FRAME_KINDS, OBJECT_KINDS, OBJECTS, make_object
from tests.medgantry.dicom.judging import Judgement, judge_all, judge_object, judge_series
from tests.medgantry.dicom.mutations import BASES, OK, Base, Mutation, make_base, mutate

AGREE = 0.98
"""Share of expected verdicts below which a test fails; what must never be has none."""


def base_of(name: str) -> Base:
    return make_object(name) if name in OBJECTS else make_base(name)


def mutation_of(name: str, seed: int | None) -> Mutation:
    """The mutation of a base that a seed stands for; none without a seed."""
    base = base_of(name)
    if seed is None:
        return Mutation(base=name, what="untouched", expected=OK, files={0: base.files[0]})
    if not base.image:
        return mutate(base, seed, OBJECT_KINDS)
    return mutate(base, seed, () if base.several else MULTI_FRAME_KINDS)


def judge(case: tuple[str, int | None], folder: Path) -> Judgement:
    base = base_of(case[0])
    return (judge_series if base.image else judge_object)(base, mutation_of(*case), folder)


def disagreements(cases: list[tuple[str, int | None]], folder: Path) -> list[str]:
    """What was not as expected; damage that nobody can notice is left out."""
    found = []
    for (name, seed), judgement in zip(cases, judge_all(judge, cases, folder), strict=True):
        mutation = mutation_of(name, seed)
        unnoticed = judgement.verdict == "different" and not mutation.noticeable
        if judgement.verdict not in mutation.expected and not unnoticed:
            found.append(f"{judgement.verdict} ({judgement.evidence}): {name} {seed}: {mutation.what}")
    return found


def test_untouched_files_are_read_as_they_are(tmp_path):
    assert disagreements([(name, None) for name in (*BASES, *OBJECTS)], tmp_path) == []


@pytest.mark.hypothesis
@pytest.mark.parametrize(("names", "share"), [(BASES, 2), (OBJECTS, 1)], ids=["images", "masks"])
def test_damage_is_refused_or_changes_nothing(names, share, tmp_path):
    count = share * settings().max_examples  # 100, or 3000 with `make fuzz`
    cases = [(names[seed % len(names)], seed) for seed in range(count)]
    wrong = disagreements(cases, tmp_path)
    assert [line for line in wrong if not line.startswith(("ok", "rejected"))] == []
    assert len(wrong) <= (1 - AGREE) * count, wrong


@pytest.mark.parametrize("name", ["explicit", "PET", "multi-frame"])
def test_whatever_a_source_holds_is_a_case_or_in_the_ledger(name, store, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDGANTRY_DEIDENTIFICATION_KEY", "a key for tests, 32 bytes or more")
    base, seen = make_base(name), Counter()
    for seed in range(20):
        mutation, folder = mutation_of(name, seed), tmp_path / str(seed)
        files = {**dict(enumerate(base.files)), **mutation.files}
        held = {f"{index}.dcm": data for index, data in files.items() if data is not None}
        (folder / "source").mkdir(parents=True)
        for file, data in held.items():
            (folder / "source" / file).write_bytes(data)
        seen[account(base, folder, set(held), store)] += 1
    assert set(seen) == {"said", "whole"}


def account(base: Base, folder: Path, held: set[str], store) -> str:
    """Check that each file is in a case or was complained about; whether there was a complaint."""
    config = DicomConfig(select=Select(modality=(base.modality,)))
    try:
        listing = FileSource(Source(str(folder / "source"), folder)).studies()
    except InvalidInput:
        return "said"
    listed = [file for study in listing.studies for series in study.series for file in series.locator]
    assert sorted([*listed, *listing.refused, *listing.excluded]) == sorted(held)
    ingest = StudyIngest(
        FileSource(Source(str(folder / "source"), folder)), config, names_for(config.deidentify), store
    )
    try:
        results = [ingest(study, folder / "scratch") for study in listing.studies]
    except (
        RecursionError
    ):  # sequences thousands deep; a study's own process makes a verdict of what it raises
        return "said"
    verdicts = Counter(entry["verdict"] for result in results for entry in result.entries)
    slices = [facts["slices"] for result in results for facts in result.series]
    assert len(slices) == verdicts["ok"] + verdicts["repaired"]
    if listing.refused or verdicts["rejected"] or verdicts["excluded"]:
        return "said"
    assert slices == [len(base.voxels)]
    return "whole"
