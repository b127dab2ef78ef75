"""An application entity named by a URI: `dimse://CALLED_AE@host:port?calling=TITLE`."""

from urllib.parse import parse_qs, unquote, urlsplit

from medgantry.dicom.network.dimse import PATIENCE_SECONDS, Peer
from medgantry.errors import InvalidInput

FORM = "dimse://CALLED_AE@host:port?calling=MEDGANTRY"


def peer_of(uri: str, *, patience: float = PATIENCE_SECONDS) -> Peer:
    """The application entity that a URI names.

    Args:
        uri: As this module's docstring says; other keys of the query are not looked at.
        patience: Seconds to go on trying while it does not answer.

    Raises:
        InvalidInput: If an AE title, a host or a port is missing or impossible.
    """
    parts = urlsplit(uri)
    called, _, address = parts.netloc.rpartition("@")
    port = address.rpartition(":")[2]
    known = bool(called and ":" not in called and parts.hostname)
    if not known or not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidInput(
            f"A PACS is named {FORM}: an AE title, a host or a port is missing.", "Correct the URI."
        )
    calling = parse_qs(parts.query).get("calling", ["MEDGANTRY"])[0]
    return Peer(
        host=str(parts.hostname), port=int(port), called=unquote(called), calling=calling, patience=patience
    )
