"""A series: the image files that share a SeriesInstanceUID, and the stacks they make."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medgantry.dicom.frame import Frame, is_localizer, marks_of, read_frames
from medgantry.dicom.header import Header
from medgantry.dicom.stacks import Stack, split_stacks
from medgantry.ledger import Unusable

_ONE = ("PatientID", "StudyInstanceUID", "Modality")


@dataclass(frozen=True, kw_only=True)
class Series:
    """Image files of one series, in any order, read from headers alone."""

    headers: Sequence[Header]

    @property
    def uid(self) -> str:
        """Series Instance UID."""
        return self.headers[0].text("SeriesInstanceUID")

    @property
    def modality(self) -> str:
        """Such as `CT`; empty when no file says."""
        return self.headers[0].text("Modality")

    def stacks(self) -> list[Stack]:
        """The stacks of parallel slices that the series holds, the largest first.

        Raises:
            Unusable: If a slice cannot be used: a volume would miss it without a trace.
        """
        for keyword in _ONE:
            found = {header.text(keyword) for header in self.headers}
            if len(found) > 1:
                raise Unusable(
                    f"a series has one {keyword}", f"{len(found)} different ones", "Correct it at the source."
                )
        frames: list[Frame] = []
        for header in self.headers:
            try:
                frames += read_frames(header)
            except Unusable:
                if not is_localizer(header):  # a scout needs no geometry; nobody reads it
                    raise
        if not frames:
            raise Unusable("a series has slices", "there are only scouts", "Leave it out in `select`.")
        known: dict[Path, list[tuple[str, ...]]] = {}
        by_path = {header.path: header for header in self.headers}

        def marks(frame: Frame) -> tuple[str, ...]:
            if frame.path not in known:
                known[frame.path] = marks_of(by_path[frame.path])
            return known[frame.path][frame.index]

        return split_stacks(frames, marks)


def group_series(headers: Iterable[Header]) -> list[Series]:
    """Headers by series, in the order of their UIDs."""
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        groups[header.text("SeriesInstanceUID")].append(header)
    return [Series(headers=groups[uid]) for uid in sorted(groups)]
