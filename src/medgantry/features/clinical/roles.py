"""What the columns of a clinical table mean: a role file, read and checked.

The file is YAML; docs/clinical.md describes its keys. `nsclc_radiogenomics.yaml` beside this file is one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from medgantry.errors import InvalidInput
from medgantry.features.column import BASELINE, EVENT, SITE, TIME, Role, safe_name
from medgantry.features.table import SUBJECT, TIMESTAMP

ID: Role = "id"
Kind = Literal["number", "category", "flag", "date", "year"]
"""`flag` becomes 0 or 1; `date` days and `year` years, counted from a milestone or the origin."""
ENDS = ("event", "censored")
TAKEN = {SUBJECT, TIMESTAMP, TIME, EVENT}
"""Names of columns that every table has."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A value that follows from another column: packs a year of who never smoked are 0, not missing."""

    column: str
    equals: str
    """What the other column must be: a category, or a flag as the CSV writes it."""
    value: float | str | None
    """None: there is no such value, as the year in which who never smoked quit."""


@dataclass(frozen=True, kw_only=True)
class ColumnRole:
    """What one column of the CSV means.

    Raises:
        InvalidInput: If it contradicts itself.
    """

    column: str
    """Its name in the CSV, letter by letter."""
    name: str
    """Its name in the table: a letter, then letters, digits and underscores."""
    role: Role
    kind: Kind = "category"
    unit: str = ""
    """Of the table's values, as UCUM writes it."""
    factor: float = 1.0
    """By what a number of the CSV is multiplied to be in `unit`."""
    written_in: str = ""
    """The CSV's unit, where `factor` converts it."""
    range: tuple[float, float] | None = None
    """Smallest and largest number or year that can be, as the CSV writes it."""
    milestone: str = ""
    """From when on a baseline value is known; the first by default."""
    categories: tuple[str, ...] = ()
    """All values of a category, in their order; empty takes what comes."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Spelling -> category, or of a flag -> `1` or `0`."""
    missing: tuple[str, ...] = ()
    """Codes for missing besides those of the whole file."""
    readings: Mapping[str, str] = field(default_factory=dict)
    """Pattern whose first group is the number in an odd cell -> what taking it means."""
    given: tuple[Given, ...] = ()
    must_equal_time: bool = False
    """Whether it repeats the time that is computed."""
    optional: bool = False
    """Whether a CSV may lack it."""
    description: str = ""

    def __post_init__(self) -> None:
        for what, value, allowed in (("role", self.role, Role), ("kind", self.kind, Kind)):
            if value not in get_args(allowed):
                raise self._wrong(f"has the {what} {value!r}, and not one of {', '.join(get_args(allowed))}")
        if self.name != safe_name(self.name):
            raise self._wrong(f"has the name {self.name!r}; letters, digits and underscores were wanted")
        if self.milestone and self.role != BASELINE:
            raise self._wrong(f"has a milestone, which is for {BASELINE} columns, and the role {self.role!r}")
        if self.role == EVENT and self.kind != "flag":
            raise self._wrong("has the role 'event' and must be a flag, such as {Dead: 1, Alive: 0}")
        if (self.role == TIME or self.must_equal_time) and self.kind != "number":
            raise self._wrong("is a time and must be a number")
        if self.kind == "flag" and not {"0", "1"} >= set(self.values.values()):
            raise self._wrong(f"is a flag, whose values are 0 or 1, not {sorted(set(self.values.values()))}")
        made = {*self.values.values(), *(given.value for given in self.given)} - {None}
        if self.kind == "category" and self.categories and made - set(self.categories):
            raise self._wrong(
                f"makes {sorted(map(str, made - set(self.categories)))}, which are no categories"
            )
        for pattern in self.readings:
            self._check_pattern(pattern)

    def _check_pattern(self, pattern: str) -> None:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise self._wrong(f"has no regular expression in {pattern!r}: {error}") from error
        if groups < 1:
            raise self._wrong(f"has the reading {pattern!r} without a (group) around the number")

    def _wrong(self, what: str) -> InvalidInput:
        return InvalidInput(f"Column {self.column!r} of the role file {what}.", "Correct the role file.")


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A point in a subject's course: a column's date, days after it; without a date, before all."""

    date: str = ""
    days: str = ""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """A whole role file.

    Raises:
        InvalidInput: If its parts contradict each other.
    """

    title: str
    columns: Sequence[ColumnRole]
    milestones: Mapping[str, Milestone]
    """In their order."""
    origin: str
    """The milestone from which time is counted and at which a model predicts."""
    ends: Mapping[str, str] = field(default_factory=dict)
    """`event` and `censored` -> the column with the date on which the time of such a subject ends."""
    missing: Sequence[str] = ()
    """Codes for missing in any column, whatever their case."""
    date_formats: Sequence[str] = ("%Y-%m-%d",)
    facets: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Columns whose groups are compared -> where a number is cut; empty for categories."""
    sha256: str = ""
    """Of the file."""

    def __post_init__(self) -> None:
        self._check_roles()
        self._check_references()
        names = [column.name for column in (*self.known, *self.later)]
        twice = sorted({name for name in names if names.count(name) > 1 or name in TAKEN})
        if twice:
            raise InvalidInput(
                f"Columns of the table must have names of their own, found {twice}.",
                "Give one of them another `name` in the role file.",
            )

    def _check_roles(self) -> None:
        counted = {role: len(self.of(role)) for role in (ID, EVENT, TIME)}
        if counted[ID] != 1 or counted[EVENT] != 1:
            raise InvalidInput(
                f"A role file needs one column of role 'id' and one of role 'event', found {counted}.",
                "Correct the role file.",
            )
        ways = (counted[TIME], sorted(self.ends))
        if ways not in ((1, []), (0, sorted(ENDS))):
            raise InvalidInput(
                "The time to the event is one column of role 'time', or two `ends` with the dates of `event` and "
                f"`censored`; found {counted[TIME]} such columns and the ends {dict(self.ends)}.",
                "Correct the role file.",
            )

    def _check_references(self) -> None:
        kinds = {column.column: column.kind for column in self.columns}
        wanted = [(stone.date, "date") for stone in self.milestones.values() if stone.date]
        wanted += [(stone.days, "number") for stone in self.milestones.values() if stone.days]
        wanted += [(column, "date") for column in self.ends.values()]
        wanted += [(given.column, "category or flag") for column in self.columns for given in column.given]
        wanted += [(column, "number" if cuts else "category or flag") for column, cuts in self.facets.items()]
        for name, allowed in wanted:
            if kinds.get(name) not in allowed.split(" or "):
                raise InvalidInput(
                    f"The role file speaks of {name!r} as a {allowed}, found {kinds.get(name, 'no such column')}.",
                    "Correct the role file.",
                )
        late = sorted(set(self.facets) - {column.column for column in self.known})
        if late:
            raise InvalidInput(f"Facets are of what was known, found {late}.", "Leave them out.")
        stones = {self.origin, *(column.milestone for column in self.columns)} - {""}
        if not self.milestones or not self.origin or stones - set(self.milestones):
            raise InvalidInput(
                f"The role file names the milestones {sorted(stones)}, and describes {list(self.milestones)}.",
                "Name the origin and describe each milestone.",
            )

    @cached_property
    def known(self) -> Sequence[ColumnRole]:
        """What was known: baseline columns and the site."""
        return [column for column in self.columns if column.role in (BASELINE, SITE)]

    @cached_property
    def later(self) -> Sequence[ColumnRole]:
        """What came after, besides time and event themselves."""
        return [column for column in self.columns if column.role not in (ID, EVENT, TIME, BASELINE, SITE)]

    def of(self, role: Role) -> list[ColumnRole]:
        """The columns of a role."""
        return [column for column in self.columns if column.role == role]

    @property
    def id(self) -> ColumnRole:
        """The column that names the subject."""
        return self.of(ID)[0]

    @property
    def first(self) -> str:
        """The first milestone."""
        return next(iter(self.milestones))

    def milestone_of(self, column: ColumnRole) -> str:
        """From when on a column's values are known, or are counted: after the baseline, the origin."""
        return column.milestone or (self.first if column.role in (BASELINE, SITE) else self.origin)
