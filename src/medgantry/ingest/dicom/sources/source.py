"""What every source of DICOM studies can do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from medgantry.ledger import Unusable


@dataclass(frozen=True, kw_only=True)
class SourceSeries:
    """One series as a source lists it."""

    series_uid: str
    modality: str
    """Such as `CT`; empty when the source does not say."""
    instances: int
    """How many the source says there are; 0 when it does not say."""
    locator: Sequence[str] = ()
    """What the source needs to find it again, beside the UIDs: file names, a query."""
    fingerprint: str = ""
    """Changes when the series' content does, as far as the source can tell without fetching it."""


@dataclass(frozen=True, kw_only=True)
class SourceStudy:
    """One study as a source lists it. It names people: it is sealed wherever it is written."""

    study_uid: str
    patient_id: str
    series: Sequence[SourceSeries]

    @property
    def instances(self) -> int:
        """How many instances the source says there are, at least one a series."""
        return sum(max(series.instances, 1) for series in self.series)

    def document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**vars(self), "series": [{**vars(one), "locator": list(one.locator)} for one in self.series]}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "SourceStudy":
        """What `document` gave."""
        return cls(**{**document, "series": [SourceSeries(**one) for one in document["series"]]})


@dataclass(frozen=True, kw_only=True)
class Listing:
    """All that a source holds."""

    studies: Sequence[SourceStudy]
    """In the order of their UIDs."""
    refused: Mapping[str, Unusable] = field(default_factory=dict)
    """What could not even be listed, such as files that are no DICOM: name -> why."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """What is not looked at, such as a README: name -> the rule."""


class DicomSource(Protocol):
    """A folder, an archive, an object store, a PACS or a public archive."""

    def studies(self) -> Listing:
        """List everything, without pixels.

        Raises:
            InvalidInput: If the source is empty, does not exist or refuses the login: one clear line.
            SourceUnavailable: If it does not answer, and retrying can help.
        """

    def fetch(self, study: SourceStudy, series: SourceSeries, folder: Path) -> Iterator[Path]:
        """Bring a series' files to a folder, which is empty, and name each when it is complete.

        Raises:
            Unusable: If the source answers, and what it has is damaged or not what it listed.
            SourceUnavailable: If it stops answering, and retrying can help.
        """
