"""What is logged of one request: numbers, hashes, and names that the model itself declares.

A request's URIs, parameters, ids, header texts and file names have no field here, and a record with a name that the
model does not declare, or with a hash that is none, is not written.
"""

import math
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from medgantry.monitoring.case_statistics import COLOURS, CaseStatistics
from medgantry.monitoring.observation import RISK, Observation

Status = Literal["answered", "refused", "failed"]
_STATUSES = ("answered", "refused", "failed")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One request."""

    release: str
    """SHA-256 of the served copy."""
    status: Status
    """`refused` for what was wrong with the request, `failed` for what was wrong with the server."""
    seconds: float
    """From its arrival to the answer."""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When it arrived; aware."""
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Ours; the client's may name a patient."""
    inputs: Sequence[str] = ()
    """SHA-256 of each input file."""
    statistics: CaseStatistics = field(default_factory=CaseStatistics)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Class -> probability."""
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    """Region -> volume."""
    risk: float | None = None
    """A survival model's."""

    def fault(self, names: Collection[str]) -> str:
        """Why this may not be written, without saying what was found; empty when it may.

        Args:
            names: As `RequestLog` takes them.
        """
        hashes = [self.release, *self.inputs]
        if not all(_SHA256.fullmatch(value) for value in hashes) or not _ID.fullmatch(self.request_id):
            return "a hash or the id is not hexadecimal"
        if self.status not in _STATUSES:
            return "the status is none that is known"
        if self.time.tzinfo is None:
            return "the time has no zone"
        said = {*self.statistics.features, *self.probabilities, *self.volumes_ml}
        said |= {f"{name}={value}" for name, value in self.statistics.categories.items()}
        if not said <= set(names) or not set(self.statistics.channels) <= {*names, *COLOURS}:
            return "a channel, feature, category, class or region is none that the model declares"
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in self._numbers()):
            return "a number is not finite"
        return ""

    def _numbers(self) -> Iterator[Any]:
        yield self.seconds
        yield from () if self.risk is None else (self.risk,)
        for values in (self.statistics.features, self.probabilities, self.volumes_ml):
            yield from values.values()
        for channel in self.statistics.channels.values():
            yield from (*channel.shape, *channel.spacing_mm, *channel.quantiles)
            yield from (channel.zeros, channel.not_finite)

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "request_id": self.request_id,
            "time": self.time.astimezone(UTC).isoformat(),
            "release": self.release,
            "status": self.status,
            "seconds": self.seconds,
            "inputs": list(self.inputs),
            "statistics": self.statistics.document(),
            "probabilities": dict(self.probabilities),
            "volumes_ml": dict(self.volumes_ml),
            "risk": self.risk,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Record":
        """A record that `document` wrote."""
        parsed = {
            "time": datetime.fromisoformat(document["time"]),
            "statistics": CaseStatistics.from_document(document["statistics"]),
        }
        return cls(**{**document, **parsed})

    def observation(self) -> Observation:
        """What drift compares."""
        answer = max(self.probabilities, key=self.probabilities.__getitem__, default="")
        seen = Observation.of(self.statistics.scalars(), self.volumes_ml, answer)
        risk = {} if self.risk is None else {RISK: self.risk}
        return replace(seen, categories=self.statistics.labels(), outputs={**seen.outputs, **risk})
