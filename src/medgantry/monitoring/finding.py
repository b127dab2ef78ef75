"""The `Finding`: a window of requests, what it was compared with, and what came out."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medgantry.documents import write_document
from medgantry.monitoring.drift import Drift
from medgantry.monitoring.reference import Reference
from medgantry.monitoring.request_log import RequestWindow

SCHEMA_NAME = "medgantry/drift/1"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """All that a report says."""

    model: str
    window: RequestWindow
    reference: Reference
    drift: Drift
    inputs: int
    """Different inputs among the requests: what was compared."""
    rejected: int
    """Training cases that could not be read."""

    def metrics(self) -> dict[str, float]:
        """Numbers that KFP and MLflow take."""
        return {
            "drift": float(bool(self.drift.drifted)),
            "judged": float(self.drift.judged),
            "requests": float(len(self.window.records)),
            "requests_lost": float(self.window.lost),
            "inputs": float(self.inputs),
            "reference_cases": float(len(self.reference.observations)),
            "features": float(len(self.drift.features)),
            "features_drifted": float(len(self.drift.drifted)),
        }

    def statuses(self) -> dict[str, int]:
        """Status -> requests."""
        return dict(Counter(record.status for record in self.window.records))

    def releases(self) -> dict[str, int]:
        """Release hash -> requests."""
        return dict(Counter(record.release for record in self.window.records))

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        reference = {
            "sources": dict(self.reference.sources),
            "cases": len(self.reference.observations),
            "rejected": self.rejected,
            "answers": self.reference.answers,
        }
        return {
            "model": self.model,
            "since": self.window.since.isoformat(),
            "until": self.window.until.isoformat(),
            "requests": len(self.window.records),
            "lost": self.window.lost,
            "inputs": self.inputs,
            "statuses": self.statuses(),
            "releases": self.releases(),
            "reference": reference,
            **self.drift.document(),
        }

    def save(self, path: Path) -> None:
        """Write the document."""
        write_document(path, SCHEMA_NAME, self.document())
