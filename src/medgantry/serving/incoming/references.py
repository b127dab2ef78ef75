"""References in requests: a client must not choose whom the server talks to, nor read or write all that it can."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from medgantry.dicom.network.dicomweb import DicomWeb, text
from medgantry.errors import InvalidInput
from medgantry.serving.limits import PREFIX, Limits
from medgantry.serving.refusals import TooLarge
from medgantry.storage import ObjectStore
from medgantry.storage.store import split_s3_uri

_PATIENCE_SECONDS = 30.0
"""A client waits: a store or a PACS that is away is said to be after this."""
_IMAGES = ("CT", "MR", "PT", "NM")
"""Modalities of which a study's only series may be meant."""


@dataclass(frozen=True, kw_only=True)
class References:
    """What requests may refer to.

    Attributes:
        sources: `s3://bucket/prefix` and `dicomweb+https://host/path`, below which objects and studies may be read.
        targets: `s3://bucket/prefix`, below which answers may be written.
    """

    sources: Sequence[str]
    targets: Sequence[str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "References":
        """`MEDGANTRY_SERVING_SOURCES` and `_TARGETS`, with blanks between; else the server's own store.

        Answers go to its `answers/` alone: what lies elsewhere in the store is not to be overwritten by requests.
        """
        store = environment.get("MEDGANTRY_STORE", "").rstrip("/")
        sources = environment.get(PREFIX + "SOURCES", store)
        targets = environment.get(PREFIX + "TARGETS", f"{store}/answers" if store else "")
        return cls(sources=sources.split(), targets=targets.split())

    def fetch(self, uri: str, path: Path, limits: Limits) -> None:
        """Bring what a URI names: an `s3://` object to a file, a `dicomweb+` series to a folder.

        Raises:
            InvalidInput: If it may not be read, or is neither.
            TooLarge: If it is above the limits.
            ObjectMissing: If the store has no such object.
            StoreUnavailable: If it does not answer.
            SourceUnavailable: If the PACS does not.
        """
        _check(uri, self.sources, "read")
        if uri.startswith("dicomweb+"):
            _fetch_series(uri, path, limits)
            return
        store, key = _object(uri)
        size = store.stat(key).size
        if size > limits.file_bytes:
            raise TooLarge(f"{uri} has {size} bytes, at most {limits.file_bytes} are taken.")
        store.download(key, path)

    def put(self, prefix: str, name: str, path: Path) -> str:
        """Write a file below a prefix that a request names.

        Returns:
            Its URI.

        Raises:
            InvalidInput: If nothing may be written there.
            StoreUnavailable: If the store does not answer.
        """
        uri = f"{prefix.rstrip('/')}/{name}"
        self.check_target(prefix)
        store, key = _object(uri)
        store.put_file(key, path)
        return uri

    def check_target(self, prefix: str) -> None:
        """Refuse a prefix that nothing may be written below, before any work.

        Raises:
            InvalidInput: If so.
        """
        _check(f"{prefix.rstrip('/')}/", self.targets, "written")


def _object(uri: str) -> tuple[ObjectStore, str]:
    bucket, key = split_s3_uri(uri)
    return ObjectStore.from_environment(f"s3://{bucket}", patience=_PATIENCE_SECONDS), key


def _check(uri: str, allowed: Sequence[str], verb: str) -> None:
    parts = urlsplit(uri)
    inside = uri.startswith(tuple(f"{one.rstrip('/')}/" for one in allowed))
    plain = not (parts.username or parts.password or parts.query or parts.fragment or "%" in uri)
    if not inside or not plain or {"..", "."} & set(parts.path.split("/")):
        raise InvalidInput(
            f"{uri[:200]} may not be {verb} by requests to this server.",
            f"What may be {verb} lies below {' '.join(allowed) or 'nothing'}.",
        )


def _fetch_series(uri: str, folder: Path, limits: Limits) -> None:
    """A series by its DICOMweb address `.../studies/<study>/series/<series>`, or the only images of a study."""
    base, _, rest = uri.removeprefix("dicomweb+").partition("/studies/")
    study, _, series = rest.partition("/series/")
    if not study or "/" in study + series:
        raise InvalidInput(
            f"{uri[:200]} names no series.",
            "It ends in /studies/<study>/series/<series> or /studies/<study>.",
        )
    # Allowed is what lies below an address, and where that one redirects was never looked at.
    server = DicomWeb(base, patience=_PATIENCE_SECONDS, follow=False)
    folder.mkdir()
    taken = 0
    files = server.retrieve(study, series or _only_images(server, study), folder)
    for count, path in enumerate(files, start=1):
        taken += path.stat().st_size
        if taken > limits.unpacked_bytes or count > limits.archive_files:
            raise TooLarge(
                f"The series has more than {limits.unpacked_mib} MiB or {limits.archive_files} files."
            )


def _only_images(server: DicomWeb, study: str) -> str:
    series = [record for record in server.series(study, {}) if text(record, "Modality") in _IMAGES]
    if len(series) != 1:
        found = [text(record, "Modality") for record in series]
        raise InvalidInput(
            f"A study with one series of images was wanted, this one has {found}.", "Name the series."
        )
    return text(series[0], "SeriesInstanceUID")
