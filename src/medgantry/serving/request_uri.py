"""URIs in requests: objects of the server's own store, and nothing else that it could reach."""

from medgantry.errors import InvalidInput
from medgantry.storage import ObjectStore
from medgantry.storage.files import locate


def locate_object(uri: str) -> tuple[ObjectStore, str]:
    """Store and key of an `s3://` URI.

    Raises:
        InvalidInput: If it is a path, or names a host: a request must not choose whom the server talks to.
    """
    place = locate(uri) if uri.startswith("s3://") else None
    if not isinstance(place, tuple):
        raise InvalidInput(f"{uri} is none of this server's objects; an s3:// URI was wanted.")
    return place
