"""What may go: shards, checkpoints, results of cases and served copies that no registered model, alias or live run refers to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlflow import MlflowClient

from medgantry.registry.deployments import read_desired
from medgantry.registry.versions import CHAMPION
from medgantry.steps import read_records
from medgantry.storage import ObjectStore

_KINDS = {
    "shards": 2,
    "training": 2,
    "evaluations": 2,
    "serving": 3,
    "predictions": 2,
    "radiomics": 2,
    "expression": 2,
    "expression-indexes": 2,
    "survival": 2,
}
"""Kind -> number of key parts that name one piece of work."""
_LIVE_HOURS = 24
"""A run without an end is taken for live this long; after that it was killed."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One piece of work in the store."""

    prefix: str
    size: int
    """Bytes."""
    modified: datetime
    """Its newest object."""


def find_garbage(store: ObjectStore, *, run: str = "", older_than_days: float = 0.0) -> list[Piece]:
    """Pieces that nothing refers to.

    Args:
        store: The store.
        run: Only what this run wrote or used; empty for all.
        older_than_days: Only what was last changed before that many days.
    """
    kept = {
        *_referred_by_models(),
        *_referred_by_live_runs(store),
        *(str(desired["prefix"]) for desired in read_desired(store).values()),
    }
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    only = _used_by(store, run) if run else None
    return [
        piece
        for piece in _pieces(store)
        if piece.prefix not in kept and piece.modified <= before and (only is None or piece.prefix in only)
    ]


def remove(store: ObjectStore, pieces: Iterable[Piece]) -> None:
    """Remove pieces; the marker that says a folder is complete goes first, so none is left half."""
    for piece in pieces:
        keys = [item.key for item in store.list(f"{piece.prefix}/")]
        for key in sorted(keys, key=lambda key: (not key.endswith(("_SUCCESS", ".json")), key)):
            store.delete(key)


def _pieces(store: ObjectStore) -> list[Piece]:
    found: dict[str, Piece] = {}
    for kind, parts in _KINDS.items():
        for item in store.list(f"{kind}/"):
            prefix = "/".join(item.key.split("/")[:parts])
            before = found.get(prefix)
            modified = item.modified or datetime.now(UTC)
            found[prefix] = Piece(
                prefix=prefix,
                size=item.size + (before.size if before else 0),
                modified=max(modified, before.modified) if before else modified,
            )
    return list(found.values())


def _referred_by_models() -> set[str]:
    client = MlflowClient()
    kept: set[str] = set()
    for version in client.search_model_versions():
        for kind, tag in (("shards", "shards"), ("training", "training"), ("evaluations", "evaluation")):
            kept.add(f"{kind}/{version.tags.get(f'medgantry.{tag}', '')}")
    for model in client.search_registered_models():
        if CHAMPION in model.aliases:
            kept.add(f"serving/{model.name}/{model.aliases[CHAMPION]}")
    return kept


def _referred_by_live_runs(store: ObjectStore) -> set[str]:
    recent = datetime.now(UTC) - timedelta(hours=_LIVE_HOURS)
    items = list(store.list("runs/"))
    records = [item for item in items if "/steps/" in item.key]
    ended = {item.key.split("/")[1] for item in items if item.key.endswith("/summary.json")}
    live = {
        item.key.split("/")[1] for item in records if item.modified is None or item.modified > recent
    } - ended
    return {prefix for run in live for prefix in _used_by(store, run)}


def _used_by(store: ObjectStore, run: str) -> set[str]:
    return {prefix for record in read_records(store, run) for prefix in record["keys"]}
