"""Which source a URI names."""

from pathlib import Path
from urllib.parse import urlsplit

from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.sources.dicomweb import DicomWebSource
from medgantry.ingest.dicom.sources.dimse import DimseSource
from medgantry.ingest.dicom.sources.files import FileSource
from medgantry.ingest.dicom.sources.source import DicomSource
from medgantry.ingest.dicom.sources.tcia import TciaSource
from medgantry.storage.files import Source

FORMS = (
    "/path or file:///path (a folder, a .tar or a .zip)",
    "s3://bucket/prefix",
    "s3+https://host/bucket/prefix",
    "dicomweb+https://host/path?StudyDate=20200101-",
    "dimse://CALLED_AE@host:port?calling=MEDGANTRY&retrieve=get|move&listen=11112",
    "a manifest *.tcia at any path or s3:// address",
)
"""The forms of a URI."""


def open_source(uri: str, scratch: Path) -> DicomSource:
    """The source that a URI names; nothing is asked of it yet, except that files are listed.

    Args:
        uri: One of `FORMS`.
        scratch: Local folder for what must be fetched or unpacked.

    Raises:
        InvalidInput: If it is none of them, or the source does not exist.
        StoreUnavailable: If an object store does not answer.
    """
    scheme = urlsplit(uri).scheme
    if scheme in ("dicomweb+https", "dicomweb+http"):
        return DicomWebSource(uri)
    if scheme == "dimse":
        return DimseSource(uri)
    if scheme in ("", "file", "s3", "s3+https", "s3+http") and uri:
        if uri.partition("#")[0].endswith(".tcia"):
            return TciaSource(uri, scratch)
        return FileSource(Source(uri, scratch))
    raise InvalidInput(
        f"{scheme + '://...' if scheme else 'An empty text'} is no source of DICOM; the forms are: {'; '.join(FORMS)}.",
        "Correct the source.",
    )
