"""The instances of one series as they arrive in a folder: each is whole and of that series, or not there."""

import threading
from collections.abc import Iterable
from pathlib import Path

from medgantry.dicom.header import read_header
from medgantry.ledger import Unusable


class Incoming:
    """What arrives of one series; safe to use from several threads.

    Args:
        folder: Where to, made when absent; files are numbered, because UIDs in names end up in logs.
        series_uid: The series that was asked for.
    """

    def __init__(self, folder: Path, series_uid: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._series_uid = folder, series_uid
        self._lock = threading.Lock()
        self._started = 0
        self._delivered: set[str] = set()
        self._earlier: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many instances have arrived."""
        return len(self._delivered)

    def again(self) -> None:
        """A transfer broke and everything is asked for again: what had arrived is passed over from here on."""
        self._earlier = frozenset(self._delivered)

    def begin(self) -> Path:
        """Where to write the next instance."""
        with self._lock:
            self._started += 1
            return self._folder / f"{self._started:05d}.part"

    def write(self, pieces: Iterable[bytes]) -> Path | None:
        """Write one instance; see `finish`. What broke leaves nothing."""
        part = self.begin()
        try:
            with part.open("wb") as stream:
                for piece in pieces:
                    stream.write(piece)
            return self.finish(part)
        finally:
            part.unlink(missing_ok=True)

    def finish(self, part: Path) -> Path | None:
        """Give a whole instance its name; None if an earlier transfer had brought it.

        Raises:
            Unusable: If it is of another series.
        """
        path = part.with_suffix(".dcm")
        try:
            header = read_header(part)
            series, instance = header.text("SeriesInstanceUID"), header.text("SOPInstanceUID")
        except Unusable:  # damaged where it came from: judged with the series, not here
            series = instance = ""
        if series and series != self._series_uid:
            part.unlink()
            raise Unusable(
                "the source delivers the series that was asked for",
                "an instance of another series came",
                "Check the source's index of this study.",
            )
        with self._lock:
            if instance and instance in self._earlier:
                part.unlink()
                return None
            self._delivered.add(instance or path.name)
        part.rename(path)
        return path


def check_complete(arrived: int, listed: int) -> None:
    """Refuse a series of which less arrived than the source had listed.

    Args:
        arrived: Number of instances that came.
        listed: Number that the source says there are; 0 when it does not say.

    Raises:
        Unusable: If some, or all, are missing.
    """
    if arrived < max(listed, 1):
        raise Unusable(
            "the source delivers every instance of a series",
            f"{arrived} of {listed or 'an unknown number of'} instances came",
            "Check the series at the source: instances may be lost, offline or hidden from this login.",
        )
