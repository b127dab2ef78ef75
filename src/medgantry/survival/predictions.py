"""The `Predictions` noun: what models said of subjects that they were not fitted on.

subjects.parquet     subject_id, time, event, and the outer fold of each repeat
predictions.parquet  candidate, repeat, subject_id, risk, survival: a row per candidate, repeat and subject
predictions.json     schema, grid, hash of the table that was learnt from, content hash, provenance
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidInput, Mismatch
from medgantry.fingerprint import hash_value
from medgantry.statistics.arrays import Flags, Floats

SCHEMA_NAME = "medgantry/survival-predictions/1"
_SUBJECTS, _PREDICTIONS, _DOCUMENT = "subjects.parquet", "predictions.parquet", "predictions.json"
POOLED = "pooled"
"""The candidate that sees every modality."""
MODALITIES = ("clinical", "radiomics", "expression")
"""Candidates that see one."""
_ROUNDING = 1e-9
"""By how much a survival probability may leave [0, 1], or rise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Out-of-fold predictions of several candidates for the same subjects, by repeated cross-validation.

    Raises:
        InvalidInput: When constructed with arrays that do not fit each other, or with values that cannot be.
    """

    subjects: Sequence[str]
    """Sorted, each once: n of them."""
    time: Floats
    """(n,) days from the origin to event or censoring, above 0."""
    event: Flags
    """(n,) whether the event was seen; else the subject is censored at its time."""
    grid: Floats
    """(m,) days, increasing and above 0, at which survival is predicted."""
    fold: NDArray[np.int64]
    """(repeats, n) the outer fold of each subject: its models were fitted on the other folds of that repeat."""
    risk: Mapping[str, Floats]
    """Candidate -> (repeats, n); higher means an earlier event. A scale of its own in every fold of every repeat."""
    survival: Mapping[str, Floats]
    """Candidate -> (repeats, n, m) probability of no event up to each day of the grid, never rising."""
    table_hash: str
    """Content hash of the feature table that was learnt from."""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for sound, wanted in self._rules():
            if not sound:
                raise InvalidInput(f"Predictions must have {wanted}.")
        for name in self.risk:
            self._check(name)

    def _rules(self) -> list[tuple[bool, str]]:
        n = len(self.subjects)
        return [
            (n > 0 and list(self.subjects) == sorted(set(self.subjects)), "subjects, sorted, each once"),
            (self.time.shape == self.event.shape == (n,), f"a time and an event of each of {n} subjects"),
            (bool(np.isfinite(self.time).all() and (self.time > 0).all()), "finite times above 0"),
            (self.event.dtype == np.bool_, f"events that are true or false, not {self.event.dtype}"),
            (
                self.grid.ndim == 1 and _rises(self.grid) and bool((self.grid > 0).all()),
                "a grid of rising days above 0",
            ),
            (
                self.fold.ndim == 2 and len(self.fold) > 0 and self.fold.shape[1] == n,
                f"a fold of each of {n} subjects in each repeat, found an array of shape {self.fold.shape}",
            ),
            (
                len(self.risk) > 0 and set(self.risk) == set(self.survival),
                f"risk and survival of the same candidates, found {sorted(self.risk)} and {sorted(self.survival)}",
            ),
        ]

    def _check(self, name: str) -> None:
        risk, survival = self.risk[name], self.survival[name]
        shape = self.fold.shape
        if risk.shape != shape or survival.shape != (*shape, len(self.grid)):
            raise InvalidInput(
                f"Candidate {name!r} must have risks of shape {shape} and survival of {(*shape, len(self.grid))}, "
                f"found {risk.shape} and {survival.shape}."
            )
        if not np.isfinite(risk).all():
            raise InvalidInput(
                f"Candidate {name!r} has {int((~np.isfinite(risk)).sum())} risks that are no numbers."
            )
        within = (survival >= -_ROUNDING) & (survival <= 1 + _ROUNDING)  # NaN is not within either
        if not within.all() or (np.diff(survival, axis=-1) > _ROUNDING).any():
            raise InvalidInput(f"Candidate {name!r} must have survival within [0, 1] that never rises.")

    @property
    def candidates(self) -> list[str]:
        """The candidates, in the order they were given."""
        return list(self.risk)

    @property
    def repeats(self) -> int:
        """How often the cross-validation was repeated."""
        return len(self.fold)

    @cached_property
    def content_hash(self) -> str:
        """Hash of outcomes, folds and predictions; provenance does not count."""
        return hash_value(
            {
                **self.outcomes(),
                "grid": self.grid.tolist(),
                "fold": self.fold.tolist(),
                "risk": {name: values.tolist() for name, values in self.risk.items()},
                "survival": {name: values.tolist() for name, values in self.survival.items()},
                "table": self.table_hash,
            }
        )

    def check_table(self, content_hash: str) -> None:
        """Refuse another feature table than the one that was learnt from.

        Raises:
            Mismatch: With both hashes.
        """
        if content_hash != self.table_hash:
            raise Mismatch(
                f"The model was learnt from feature table {self.table_hash[:12]}, given was {content_hash[:12]}.",
                "Give the table that train_survival was given.",
            )

    def outcomes(self) -> dict[str, Any]:
        """Who had the event, and when."""
        return {"subjects": list(self.subjects), "time": self.time.tolist(), "event": self.event.tolist()}

    def event_by(self, candidate: str, day: float) -> Floats:
        """(repeats, n) predicted chance of the event up to a day, between days of the grid on a straight line.

        Raises:
            InvalidInput: If the day is beyond the grid.
        """
        if not 0 < day <= self.grid[-1]:
            raise InvalidInput(f"Survival is predicted up to day {self.grid[-1]:g}, asked was day {day:g}.")
        after = int(np.searchsorted(self.grid, day))
        survival = self.survival[candidate]
        start, before = (self.grid[after - 1], survival[..., after - 1]) if after else (0.0, 1.0)
        part = (day - start) / (self.grid[after] - start)
        chance: Floats = 1 - (before + part * (survival[..., after] - before))
        return chance

    def only(self, subjects: Collection[str]) -> "Predictions":
        """Of some of the subjects, as their models predicted them among all.

        Raises:
            InvalidInput: If none of them is there.
        """
        kept = np.array([subject in subjects for subject in self.subjects])
        return replace(
            self,
            subjects=[subject for subject in self.subjects if subject in subjects],
            time=self.time[kept],
            event=self.event[kept],
            fold=self.fold[:, kept],
            risk={name: values[:, kept] for name, values in self.risk.items()},
            survival={name: values[:, kept] for name, values in self.survival.items()},
        )

    def save(self, folder: Path) -> None:
        """Write the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.table(
                {
                    "subject_id": list(self.subjects),
                    "time": self.time,
                    "event": self.event,
                    "fold": list(self.fold.T.astype(np.int64)),
                }
            ),
            folder / _SUBJECTS,
        )
        pq.write_table(
            pa.concat_tables(self._candidate(name) for name in self.candidates), folder / _PREDICTIONS
        )
        document = {
            "candidates": self.candidates,
            "grid": self.grid.tolist(),
            "table_hash": self.table_hash,
            "content_hash": self.content_hash,
            "provenance": dict(self.provenance),
        }
        write_document(folder / _DOCUMENT, SCHEMA_NAME, document)

    def _candidate(self, name: str) -> pa.Table:
        repeats, n = self.fold.shape
        return pa.table(
            {
                "candidate": [name] * (repeats * n),
                "repeat": np.repeat(np.arange(repeats), n),
                "subject_id": list(self.subjects) * repeats,
                "risk": np.asarray(self.risk[name], dtype=np.float64).ravel(),
                "survival": list(np.asarray(self.survival[name], dtype=np.float64).reshape(repeats * n, -1)),
            }
        )

    @classmethod
    def open(cls, folder: Path) -> "Predictions":
        """Read and check a folder.

        Raises:
            InvalidInput: If it is none, of another schema, or its content is not what its hash says.
        """
        document = read_document(folder / _DOCUMENT, SCHEMA_NAME)
        subjects = pq.read_table(folder / _SUBJECTS)
        rows = pq.read_table(folder / _PREDICTIONS)
        shape = (len(document["candidates"]), -1, subjects.num_rows)
        risk = rows["risk"].to_numpy().reshape(shape)
        survival = np.array(rows["survival"].to_pylist(), dtype=np.float64).reshape(*risk.shape, -1)
        found = cls(
            subjects=subjects["subject_id"].to_pylist(),
            time=subjects["time"].to_numpy(),
            event=subjects["event"].to_numpy(zero_copy_only=False),
            grid=np.array(document["grid"], dtype=np.float64),
            fold=np.array(subjects["fold"].to_pylist(), dtype=np.int64).T,
            risk=dict(zip(document["candidates"], risk, strict=True)),
            survival=dict(zip(document["candidates"], survival, strict=True)),
            table_hash=document["table_hash"],
            provenance=document["provenance"],
        )
        if found.content_hash != document["content_hash"]:
            raise InvalidInput(
                f"{folder} says its content is {document['content_hash'][:12]}, found {found.content_hash[:12]}.",
                "The folder was edited by hand: make it again with train_survival.",
            )
        return found


def _rises(values: Floats) -> bool:
    return len(values) > 0 and bool(np.isfinite(values).all() and (np.diff(values) > 0).all())
