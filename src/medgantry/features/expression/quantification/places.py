"""Files of reads by URI: whether they are there, whether they changed, and a copy on this machine."""

import posixpath
from pathlib import Path
from urllib.parse import urlsplit

from medgantry.errors import ObjectMissing
from medgantry.ledger import Unusable
from medgantry.storage.files import locate


def resolve(uri: str, sheet: str) -> str:
    """A URI as it is, or a path relative to the folder of the sheet that names it; paths become absolute."""
    if urlsplit(uri).scheme:
        return uri
    found = posixpath.join(posixpath.dirname(sheet), uri)
    return found if urlsplit(found).scheme else str(Path(found).absolute())


def mark(uri: str) -> str:
    """What changes when the file does, without reading it: size and time here, the ETag elsewhere; empty where there is none.

    Raises:
        InvalidInput: If the URI has a form that is not known.
    """
    place = locate(uri)
    if isinstance(place, Path):
        found = place.stat() if place.is_file() else None
        return f"{found.st_size}-{found.st_mtime_ns}" if found else ""
    try:
        return place[0].stat(place[1]).etag
    except ObjectMissing:
        return ""


def bring(uri: str, target: Path) -> Path:
    """A file on this machine, under a name that tells nothing.

    Raises:
        Unusable: If it is not there any more.
    """
    place = locate(uri)
    try:
        if not isinstance(place, Path):
            place[0].download(place[1], target)
        else:
            target.symlink_to(place.resolve(strict=True))
    except (ObjectMissing, FileNotFoundError):
        raise Unusable("the files are there", "one went since the plan was made", "Plan again.") from None
    return target
