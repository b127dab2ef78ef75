"""Splitting by group: grouped, stratified, seeded, and a pure function of its inputs."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from medgantry.cohort.cohort import SPLITS, Case, Cohort
from medgantry.cohort.duplicates import audit_duplicates
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.parameters import json_object


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """How to split."""

    validation: float = 0.2
    """Share of the groups."""
    test: float = 0.2
    """Share of the groups."""
    seed: int = 0
    stratify_by: str = ""
    """A target of the cases whose mixture is kept on every side; empty for none."""
    assignment: Mapping[str, str] = field(default_factory=dict)
    """Group -> side, for groups whose side is given; the others are drawn."""
    accepted_duplicates: Sequence[str] = ()
    """Case ids; a pair of copies on different sides is accepted when both are named."""

    def __post_init__(self) -> None:
        if not (0 <= self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise InvalidInput(
                f"Shares must leave some cases for training, got validation {self.validation}, test {self.test}."
            )
        wrong = {side for side in self.assignment.values() if side not in SPLITS}
        if wrong:
            raise InvalidInput(f"The assignment names sides {sorted(wrong)}; {SPLITS} are known.")


def parse_assignment(text: str) -> dict[str, str]:
    """Group -> side from JSON text; empty text gives none."""
    return {str(group): str(side) for group, side in json_object("assignment", text).items()}


def split_cohort(cohort: Cohort, config: SplitConfig) -> Cohort:
    """Give every case a side; groups stay together.

    Within a stratum, groups are ordered by a hash of (seed, group), so that adding a group moves few others.

    Raises:
        InvalidCohort: With fewer than three groups, unless the assignment says where each goes; or when an image
            and its copy are on different sides.
    """
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cohort.cases:
        groups[case.group_id].append(case)
    unknown = sorted(set(config.assignment) - set(groups))
    if unknown:
        raise InvalidInput(f"The assignment names groups {unknown[:5]} that the cohort does not have.")
    free = sorted(set(groups) - set(config.assignment))
    if len(groups) < len(SPLITS) and free:
        raise InvalidCohort(
            f"A cohort of {len(groups)} group(s) cannot be drawn into {SPLITS}.",
            'Say where its groups go: split_assignment=\'{"<group>": "train", ...}\'. Groups: '
            + ", ".join(free),
        )
    sides = {**config.assignment, **_draw(free, groups, config)}
    cases = [replace(case, split=sides[case.group_id]) for case in cohort.cases]
    accepted = audit_duplicates(cohort, sides, config.accepted_duplicates)
    return replace(cohort, cases=cases, entries=[*cohort.entries, *accepted])


def _draw(free: list[str], groups: Mapping[str, list[Case]], config: SplitConfig) -> dict[str, str]:
    ordered = in_strata({group: groups[group] for group in free}, config.seed, config.stratify_by)
    # Systematic sampling down the strata-ordered list gives each side its share of every stratum.
    sides: dict[str, str] = {}
    wanted = {"test": config.test, "validation": config.validation}
    given = dict.fromkeys(SPLITS, 0)
    for count, group in enumerate(ordered, start=1):
        behind = {side: share * count - given[side] for side, share in wanted.items()}
        side = max(behind, key=lambda name: behind[name])
        side = side if behind[side] >= 0.5 else "train"
        sides[group] = side
        given[side] += 1
    _fill_empty(sides, ordered, wanted, set(config.assignment.values()))
    return sides


def _fill_empty(
    sides: dict[str, str], ordered: list[str], wanted: Mapping[str, float], assigned: set[str]
) -> None:
    """Training, and a side that was asked for, get at least one group from the side that has most."""
    for side in SPLITS:
        if wanted.get(side, 1.0) <= 0 or side in {*sides.values(), *assigned}:
            continue
        held = {name: [group for group in ordered if sides[group] == name] for name in SPLITS}
        donor = max(SPLITS, key=lambda name: len(held[name]))
        if len(held[donor]) > (0 if donor in assigned else 1):
            sides[held[donor][-1]] = side


def in_strata(groups: Mapping[str, Sequence[Case]], seed: int, stratify_by: str) -> list[str]:
    """Groups in the order in which they are dealt to sides: stratum by stratum, drawn by a hash of (seed, group).

    Args:
        groups: Group -> its cases.
        seed: Of the draw.
        stratify_by: A target of the cases that makes strata; empty for none.
    """
    # Groups of one size form a stratum, so that sides also get their share of the cases.
    strata: dict[tuple[str, int], list[str]] = defaultdict(list)
    for group, cases in groups.items():
        values = sorted(case.targets.get(stratify_by, "") for case in cases)
        strata[values[0] if stratify_by else "", len(cases)].append(group)
    ordered: list[str] = []
    for stratum in sorted(strata):
        ordered += sorted(strata[stratum], key=lambda group: _rank(seed, group))
    return ordered


def _rank(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}\0{group}".encode()).hexdigest()
