"""Objects to a target, each once: what a target has taken is remembered in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.exporting.target import open_target
from medgantry.exporting.writing import WrittenObject
from medgantry.fingerprint import hash_value
from medgantry.storage import ObjectStore
from medgantry.storage.commits import commit, committed
from medgantry.storage.files import fetch


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of one object."""

    accepted: bool
    earlier: bool = False
    """Whether the target took it before, so that it was not sent again."""
    reason: str = ""
    """Why it is refused."""


class Sender:
    """Sends to one target.

    Args:
        uri: Of the target, see `open_target`.
        store: That remembers.

    Raises:
        InvalidInput: If it is no target.
    """

    def __init__(self, uri: str, store: ObjectStore) -> None:
        self._target, self._store = open_target(uri), store
        self._taken = f"exports/sent/{hash_value(uri)[:16]}"

    def __call__(self, objects: Sequence[WrittenObject]) -> Mapping[str, Delivery]:
        """SOP Instance UID -> what became of the object.

        Killed between an answer and its record, a repeated call sends once more: the same bytes with the same UID, of
        which an archive keeps one.

        Raises:
            SourceUnavailable: If the target does not answer; what it took before is remembered.
        """
        keys = {item.sop_instance_uid: f"{self._taken}/{item.sop_instance_uid}.json" for item in objects}
        found = {
            uid: Delivery(accepted=True, earlier=True)
            for uid, key in keys.items()
            if committed(self._store, key) is not None
        }
        todo = [item for item in objects if item.sop_instance_uid not in found]
        if not todo:
            return found
        with TemporaryDirectory(prefix="medgantry-send-") as name:
            uids = {fetch(item.uri, item.sha256, Path(name), "dcm"): item.sop_instance_uid for item in todo}
            for sent in self._target(list(uids)):
                uid = uids[sent.path]
                if sent.accepted:
                    commit(self._store, keys[uid], {"answer": sent.reason})
                found[uid] = Delivery(accepted=sent.accepted, reason=sent.reason)
        return found
