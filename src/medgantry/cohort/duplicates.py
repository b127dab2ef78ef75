"""Copies of one image on different sides of a split: a leak that ids do not show."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.cohort.cohort import Cohort
from medgantry.cohort.fingerprints import Thumbnails, is_exact
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.ledger import Entry

RULE = "the same image is on several sides of the split"
LISTED = 50
"""Pairs that an error names."""

_BLOCK = 512
"""Images compared with all others at a time: 20 MB for a matrix of 10,000 columns."""
_EXACT = np.float32(2)
"""Stands for the correlation of a pair with equal content: above any other."""


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Pairs of cases on different sides that hold the same image."""

    case_ids: Sequence[str]
    pairs: NDArray[np.int64]
    """Two columns of positions in `case_ids`, sorted, each pair once."""
    correlations: NDArray[np.float32]
    """Of each pair's thumbnails, 0 to 1; `_EXACT` where content is equal."""

    def __len__(self) -> int:
        return len(self.pairs)

    def divide(self, names: Collection[str]) -> tuple["Duplicates", "Duplicates"]:
        """Those of which both cases are in `names`, and the others."""
        is_named = np.array([case_id in names for case_id in self.case_ids], dtype=bool)
        both = is_named[self.pairs[:, 0]] & is_named[self.pairs[:, 1]]
        return self._only(both), self._only(~both)

    def described(self, sides: Mapping[str, str], group_of: Mapping[str, str], count: int) -> list[str]:
        """The first pairs in words: cases, their sides and groups, and what makes them the same."""

        def place(case_id: str) -> str:
            group = group_of[case_id]
            return f"{case_id} ({sides[group]}, group {group})"

        return [
            f"{place(self.case_ids[first])} and {place(self.case_ids[second])}: {_likeness(correlation)}"
            for (first, second), correlation in zip(
                self.pairs[:count].tolist(), self.correlations[:count].tolist(), strict=True
            )
        ]

    def _only(self, chosen: NDArray[np.bool_]) -> "Duplicates":
        return Duplicates(
            case_ids=self.case_ids, pairs=self.pairs[chosen], correlations=self.correlations[chosen]
        )


def audit_duplicates(cohort: Cohort, sides: Mapping[str, str], accepted: Collection[str]) -> list[Entry]:
    """Refuse a split that has an image and its copy on different sides.

    Args:
        cohort: The cohort.
        sides: Group -> side.
        accepted: Case ids; a pair is accepted when both its cases are named.

    Returns:
        An entry for each accepted pair.

    Raises:
        InvalidCohort: Naming the pairs that were not accepted.
        InvalidInput: If `accepted` names what is no case.
    """
    group_of = {case.case_id: case.group_id for case in cohort.cases}
    unknown = sorted(set(accepted) - set(group_of))
    if unknown:
        raise InvalidInput(
            f"accepted_duplicates names {unknown[:5]}, {len(unknown)} in all, that the cohort does not have."
        )
    known, refused = find_duplicates(cohort, sides).divide(set(accepted))
    if len(refused):
        named = "; ".join(refused.described(sides, group_of, LISTED))
        more = f"; and {len(refused) - LISTED} more" if len(refused) > LISTED else ""
        raise InvalidCohort(
            f"An image and its copies must be on one side of a split; {len(refused)} pair(s) of cases are on two: "
            f"{named}{more}.",
            "Give both cases of a pair one group id at ingest, or accept the pair by naming both in "
            f"accepted_duplicates: {','.join(refused.case_ids[place] for place in refused.pairs[0].tolist())}.",
        )
    return [
        Entry(
            item=known.case_ids[first],
            step="split_cohort",
            verdict="ok",
            rule=RULE,
            evidence=f"accepted by name: {words}",
            remedy="If they are copies, give these cases one group id at ingest.",
        )
        for (first, _), words in zip(
            known.pairs.tolist(), known.described(sides, group_of, len(known)), strict=True
        )
    ]


def find_duplicates(cohort: Cohort, sides: Mapping[str, str]) -> Duplicates:
    """Compare every image with every other on another side.

    Args:
        cohort: The cohort.
        sides: Group -> side.
    """
    case_ids = sorted(case.case_id for case in cohort.cases)
    place_of = {case_id: place for place, case_id in enumerate(case_ids)}
    # Channels of one file are one image.
    rows = sorted(
        {
            (place_of[file.case_id], file.sha256, file.fingerprint)
            for file in cohort.files
            if file.role == "image"
        }
    )
    side_of = {case.case_id: sides[case.group_id] for case in cohort.cases}
    places = np.array([place for place, _, _ in rows], dtype=np.int64)
    groups = _numbers([side_of[case_ids[place]] for place, _, _ in rows])
    contents = [
        _numbers([sha256 for _, sha256, _ in rows]),
        _numbers([fingerprint if is_exact(fingerprint) else "" for _, _, fingerprint in rows]),
    ]
    thumbnails = Thumbnails.parse([fingerprint for _, _, fingerprint in rows])
    found: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for start in range(0, len(rows), _BLOCK):
        block, rest = slice(start, start + _BLOCK), slice(start, len(rows))
        correlations = _likenesses(thumbnails, contents, block, rest)
        correlations[groups[block, None] == groups[None, rest]] = 0
        first, second = np.nonzero(np.triu(correlations, 1))
        pairs = np.stack([places[start + first], places[start + second]], axis=1)
        found.append((pairs, correlations[first, second]))
    return _each_once(case_ids, found)


def _likenesses(
    thumbnails: Thumbnails, contents: Sequence[NDArray[np.int64]], block: slice, rest: slice
) -> NDArray[np.float32]:
    """How alike the images of a pair are, zero for those that are not the same."""
    if thumbnails.contrasts.any():
        correlations = thumbnails.correlations(block, rest)
        correlations[~thumbnails.are_copies(correlations, block, rest)] = 0
    else:  # volumes: nothing to multiply
        correlations = np.zeros((len(contents[0][block]), len(contents[0][rest])), dtype=np.float32)
    for content in contents:
        correlations[(content[block, None] == content[None, rest]) & (content[block, None] >= 0)] = _EXACT
    return correlations


def _each_once(
    case_ids: Sequence[str], found: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]]
) -> Duplicates:
    """Cases of several images may be alike in several of them: the best counts."""
    pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *(pairs for pairs, _ in found)])
    best = np.concatenate([np.zeros(0, dtype=np.float32), *(likeness for _, likeness in found)])
    order = np.lexsort((-best, pairs[:, 1], pairs[:, 0]))
    pairs, best = pairs[order], best[order]
    is_new = np.ones(len(pairs), dtype=bool)
    is_new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return Duplicates(case_ids=case_ids, pairs=pairs[is_new], correlations=best[is_new])


def _numbers(texts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each text, equal for equal texts; -1 for the empty one."""
    numbers: dict[str, int] = {"": -1}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _likeness(correlation: float) -> str:
    return "exact" if correlation >= _EXACT else f"perceptual, correlation {correlation:.4f}"
