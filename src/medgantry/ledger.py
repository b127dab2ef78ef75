"""The ledger: a verdict with evidence for every item that entered."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry.errors import TooManyRejected

Verdict = Literal["excluded", "ok", "repaired", "rejected"]

_VERDICTS: tuple[Verdict, ...] = ("excluded", "ok", "repaired", "rejected")

SCHEMA = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("evidence", pa.string(), nullable=False),
        pa.field("remedy", pa.string(), nullable=False),
    ]
)


class Unusable(Exception):
    """An item breaks a rule: becomes a `rejected` entry, never an end of the step.

    Args:
        rule: The rule.
        evidence: What was found.
        remedy: What to do.
    """

    def __init__(self, rule: str, evidence: str, remedy: str) -> None:
        super().__init__(rule, evidence, remedy)  # all three, so that it crosses processes
        self.rule, self.evidence, self.remedy = rule, evidence, remedy

    def document(self) -> dict[str, str]:
        """`rule`, `evidence` and `remedy`, as JSON has them."""
        return {"rule": self.rule, "evidence": self.evidence, "remedy": self.remedy}

    def entry(self, item: str, step: str) -> "Entry":
        """The verdict on an item that a step judged."""
        return Entry(item=item, step=step, verdict="rejected", **self.document())


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One verdict about one item."""

    item: str
    """What was judged: a case id, a file or a series."""
    step: str
    """The step that judged it."""
    verdict: Verdict
    """`ok`, `repaired` (the evidence says what was done), `rejected`, or `excluded`: sound for all we know, but not
    chosen by a declared rule."""
    rule: str
    """The rule that decided."""
    evidence: str = ""
    """What was found."""
    remedy: str = ""
    """What can be done about it."""


def counts(entries: Iterable[Entry]) -> dict[str, int]:
    """Number of items per verdict; an item counts once, by its worst.

    `ok`, `repaired` and `rejected` are always there, `excluded` where something was.
    """
    worst: dict[str, int] = {}
    for entry in entries:
        worst[entry.item] = max(worst.get(entry.item, 0), _VERDICTS.index(entry.verdict))
    found = Counter(_VERDICTS[index] for index in worst.values())
    return {verdict: found[verdict] for verdict in _VERDICTS if found[verdict] or verdict != "excluded"}


def write(entries: Sequence[Entry], path: Path) -> None:
    """Write the ledger as Parquet."""
    pq.write_table(pa.Table.from_pylist([asdict(entry) for entry in entries], schema=SCHEMA), path)


def read(path: Path) -> list[Entry]:
    """Read a ledger written by `write`."""
    return [Entry(**row) for row in pq.read_table(path, schema=SCHEMA).to_pylist()]


def check_budget(entries: Sequence[Entry], *, total: int, max_rejected: float) -> None:
    """Refuse a cohort that lost too many cases.

    Args:
        entries: The verdicts of the cases.
        total: Number of cases that entered.
        max_rejected: Allowed share of rejected cases, 0 to 1; 0 means none.

    Raises:
        TooManyRejected: Naming every rejected case with its rule and evidence.
    """
    rejected = [entry for entry in entries if entry.verdict == "rejected"]
    if len(rejected) <= max_rejected * total:
        return
    named = "; ".join(f"{entry.item}: {entry.rule} ({entry.evidence})" for entry in rejected[:50])
    raise TooManyRejected(
        f"At most {max_rejected:.0%} of {total} cases may be rejected, {len(rejected)} were: {named}.",
        "Mend these cases, or raise max_rejected if the loss is acceptable.",
    )
