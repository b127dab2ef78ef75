import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medgantry.cohort import Case, Cohort, File
from medgantry.cohort.cohort import SPLITS
from medgantry.cohort.duplicates import RULE, audit_duplicates, find_duplicates
from medgantry.cohort.fingerprints import THUMBNAIL_SIDE, thumbnail_fingerprint
from medgantry.cohort.split import SplitConfig, split_cohort
from medgantry.cohort.step import split
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.storage import ObjectStore


def _file(case_id: str, fingerprint: str = "", **changes: object) -> File:
    file = File(
        case_id=case_id,
        role="image",
        channel="RGB",
        channel_index=-1,
        uri="",
        format="png",
        sha256=f"of {case_id}",
        shape=[1, 1],
        spacing_mm=[],
        orientation="",
        fingerprint=fingerprint,
    )
    return replace(file, **changes)


def _cohort(*files: File, group_of: Mapping[str, str] | None = None) -> Cohort:
    case_ids = sorted({file.case_id for file in files})
    return Cohort(
        cases=[
            Case(case_id=case_id, group_id=(group_of or {}).get(case_id, f"g-{case_id}"))
            for case_id in case_ids
        ],
        files=files,
        entries=[],
        channels=["RGB"],
        label_map={},
        regions={},
    )


def _sides(cohort: Cohort) -> dict[str, str]:
    """Each group on the side after the last one's."""
    groups = sorted({case.group_id for case in cohort.cases})
    return {group: SPLITS[number % 3] for number, group in enumerate(groups)}


def _pixels(seed: int, noise: float = 0) -> np.ndarray:
    shape = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    picture = np.random.default_rng(seed).normal(128, 30, shape)
    return np.clip(picture + np.random.default_rng([seed, 1]).normal(0, noise, shape), 0, 255).astype(
        np.uint8
    )


def _photo(seed: int, noise: float = 0) -> str:
    return thumbnail_fingerprint(_pixels(seed, noise))


def test_a_copy_is_named_with_its_cases_sides_and_groups() -> None:
    cohort = _cohort(_file("a", _photo(0)), _file("b", _photo(0, noise=1)), _file("c", _photo(1)))
    with pytest.raises(InvalidCohort, match="1 pair") as error:
        audit_duplicates(cohort, _sides(cohort), [])
    assert re.search(
        r"1 pair.* a \(train, group g-a\) and b \(validation, group g-b\): perceptual, correlation 0\.99\d\d\.",
        error.value.message,
    )
    assert "one group id" in error.value.remedy
    assert "accepted_duplicates: a,b." in error.value.remedy


@pytest.mark.parametrize(
    "shared",
    [{"sha256": "same"}, {"fingerprint": "voxels:same"}, {"sha256": "same", "fingerprint": _photo(0)}],
)
def test_equal_content_is_an_exact_copy(shared: Mapping[str, str]) -> None:
    cohort = _cohort(_file("a", **shared), _file("b", **shared), _file("c"))
    with pytest.raises(InvalidCohort, match=r"a \(train.* and b \(validation.*: exact\."):
        audit_duplicates(cohort, _sides(cohort), [])


def test_copies_on_one_side_do_not_matter() -> None:
    files = [_file("a", _photo(0)), _file("b", _photo(0)), _file("c", _photo(1)), _file("d", _photo(2))]
    cohort = _cohort(*files, group_of={"a": "lesion", "b": "lesion"})
    assert audit_duplicates(cohort, _sides(cohort), []) == []
    alone = _cohort(*files)
    sides = {**_sides(alone), "g-a": "train", "g-b": "train"}
    assert audit_duplicates(alone, sides, []) == []
    assert not split_cohort(cohort, SplitConfig()).entries


def test_label_maps_may_be_equal() -> None:
    labels = [_file(case_id, role="label", channel="", sha256="empty") for case_id in "abc"]
    cohort = _cohort(*labels)
    assert audit_duplicates(cohort, _sides(cohort), []) == []


def test_cases_of_several_files_make_one_pair_and_the_best_counts() -> None:
    cohort = _cohort(
        *(_file(case_id, _photo(0, noise), channel="x") for case_id, noise in (("a", 0), ("b", 1))),
        *(_file(case_id, channel="y", sha256="same") for case_id in "ab"),
        *(_file(case_id, channel=channel, sha256="stack") for case_id in "ab" for channel in "zw"),
        _file("c"),
    )
    found = find_duplicates(cohort, _sides(cohort))
    assert found.pairs.tolist() == [[0, 1]]
    with pytest.raises(InvalidCohort, match="exact"):
        audit_duplicates(cohort, _sides(cohort), [])


def test_accepted_pairs_are_in_the_ledger_and_others_still_refused() -> None:
    cohort = _cohort(*(_file(case_id, _photo(number // 2)) for number, case_id in enumerate("abcd")))
    sides = {"g-a": "train", "g-b": "test", "g-c": "train", "g-d": "test"}
    with pytest.raises(InvalidCohort, match="1 pair") as error:
        audit_duplicates(cohort, sides, ["a", "b", "c"])
    assert "a (" not in error.value.message
    first, second = audit_duplicates(cohort, sides, ["a", "b", "c", "d"])
    assert (first.item, first.verdict, first.rule, first.step) == ("a", "ok", RULE, "split_cohort")
    assert "a (train, group g-a) and b (test, group g-b): perceptual" in first.evidence
    assert "group id" in first.remedy
    assert second.item == "c"


def test_accepting_what_is_no_case_is_refused() -> None:
    cohort = _cohort(_file("a"), _file("b"), _file("c"))
    with pytest.raises(InvalidInput, match="nobody"):
        audit_duplicates(cohort, _sides(cohort), ["a", "nobody"])


def test_at_most_fifty_pairs_are_listed_and_all_are_counted() -> None:
    cohort = _cohort(*(_file(f"c{number:02}", sha256="same") for number in range(30)))
    with pytest.raises(InvalidCohort, match=r"300 pair.*; and 250 more\.") as error:
        audit_duplicates(cohort, _sides(cohort), [])
    assert error.value.message.count("exact") == 50


def test_a_cohort_without_images_has_no_copies() -> None:
    cohort = replace(_cohort(_file("a")), files=[])
    assert len(find_duplicates(cohort, _sides(cohort))) == 0


def test_copies_are_found_across_blocks_of_two_thousand_photos() -> None:
    fingerprints = [_photo(number) for number in range(2000)]
    turned = np.ascontiguousarray(np.rot90(_pixels(5))[::-1])
    fingerprints[1999] = thumbnail_fingerprint(turned)
    fingerprints[1700] = fingerprints[600]
    cohort = _cohort(*(_file(f"c{number:04}", text) for number, text in enumerate(fingerprints)))
    sides = {**_sides(cohort), "g-c0005": "train", "g-c1999": "test", "g-c0600": "train", "g-c1700": "test"}
    found = find_duplicates(cohort, sides)
    assert found.pairs.tolist() == [[5, 1999], [600, 1700]]


def test_the_step_takes_the_names_and_looks_at_fingerprints(tmp_path: Path, store: ObjectStore) -> None:
    def divide(cohort: Cohort, name: str, accepted: str) -> Cohort:
        cohort.save(tmp_path / name)
        split(
            tmp_path / name,
            tmp_path / f"{name}-divided",
            validation=0.2,
            test=0.2,
            seed=0,
            stratify_by="",
            assignment='{"g-a": "train", "g-b": "test", "g-c": "validation"}',
            accepted_duplicates=accepted,
        )
        return Cohort.open(tmp_path / f"{name}-divided")

    plain = _cohort(_file("a"), _file("b"), _file("c"))
    assert divide(plain, "plain", "").entries == []
    photos = [_file(case_id, _photo(0)) for case_id in "ab"]
    leaking = _cohort(*photos, _file("c"))
    assert leaking.cohort_hash == plain.cohort_hash
    with pytest.raises(InvalidCohort, match=r"a \(train, group g-a\) and b \(test, group g-b\)"):
        divide(leaking, "leaking", "")
    (entry,) = divide(leaking, "accepted", " a, b ,").entries
    assert entry.rule == RULE
