"""Where DICOM objects are sent: a DICOMweb server by STOW-RS, or an application entity by C-STORE."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from medgantry.dicom.network.dicomweb import DicomWeb
from medgantry.dicom.network.dimse_store import store_files
from medgantry.dicom.network.peer_uri import peer_of
from medgantry.dicom.network.sent import Sent
from medgantry.errors import InvalidInput

Target = Callable[[Sequence[Path]], Iterable[Sent]]


def open_target(uri: str) -> Target:
    """The sender for a URI: `dicomweb+https://host/path` or `dimse://CALLED_AE@host:port?calling=TITLE`.

    Raises:
        InvalidInput: If it is neither.
    """
    parts = urlsplit(uri)
    if parts.scheme in ("dicomweb+https", "dicomweb+http"):
        return DicomWeb(uri.removeprefix("dicomweb+").partition("?")[0]).store
    if parts.scheme == "dimse":
        peer = peer_of(uri)
        return lambda paths: store_files(peer, paths)
    raise InvalidInput(
        f"target must be dicomweb+https://host/path or dimse://CALLED_AE@host:port, found {parts.scheme or 'none'!r}.",
        "Leave it empty to keep the objects in the store alone.",
    )
