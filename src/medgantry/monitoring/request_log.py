"""The log of a model's requests: objects of the store, each a batch of records.

    monitoring/requests/<model>/<yyyy-mm-dd>/<hhmmss>-<uuid>.jsonl.gz

The first line of an object says its schema and how many records were lost since the one before; each other line is a
record.
"""

import gzip
import json
import logging
import re
import threading
import uuid
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.fingerprint import canonical_json
from medgantry.monitoring.observation import Observation
from medgantry.monitoring.record import Record
from medgantry.storage import ObjectStore

SCHEMA_NAME = "medgantry/request-log/1"
_FOLDER = "monitoring/requests"
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BATCH = 500
"""Records that make an object before its time."""
_SECONDS = 60.0
"""Between two objects, where there are fewer."""
_WAITING = 5000
"""Records that wait while the store is away; later ones are lost and counted."""
_CLOSING_SECONDS = 20.0
"""How long `close` waits for a store that is away: a pod is killed after 30 s."""
_LOG = logging.getLogger(__name__)


class RequestLog:
    """Writes records in a thread of its own: a request never waits for the log, nor fails with it.

    Args:
        store: The store.
        model: Name of the deployed model.
        names: Channels, features, classes, regions and categories (`feature=category`) that the model declares: no
            other name is written.

    Raises:
        InvalidInput: If the model's name is no part of a key.
    """

    def __init__(self, store: ObjectStore, model: str, names: Collection[str]) -> None:
        self._store, self._folder, self._names = store, _folder(model), frozenset(names)
        self._waiting: deque[Record] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.lost = 0
        """Records that were not written: refused, too many, or while the store was away."""
        self._unsaid = 0
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Log a request; returns at once and never raises."""
        fault = self._fault(record)
        if fault:
            _LOG.warning("a request was not recorded: %s", fault)
        with self._changed:
            if fault or self._closed or len(self._waiting) >= _WAITING:
                self._lose(1)
                return
            self._waiting.append(record)
            if len(self._waiting) >= _BATCH:
                self._changed.notify()

    def close(self) -> None:
        """Write what waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSING_SECONDS)
        if self._thread.is_alive():
            _LOG.warning("the store is away: the last requests were not recorded")

    def _fault(self, record: Record) -> str:
        try:
            return record.fault(self._names)
        except Exception as error:  # noqa: BLE001 a record of wrong types is no reason to fail a request
            return type(error).__name__

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or len(self._waiting) >= _BATCH, timeout=_SECONDS)
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                lost, self._unsaid = self._unsaid, 0
                last = self._closed and not self._waiting
            if batch or lost:
                self._write(batch, lost)
            if last:
                return

    def _write(self, batch: Sequence[Record], lost: int) -> None:
        now = datetime.now(UTC)
        lines = [{"schema": SCHEMA_NAME, "lost": lost}, *(record.document() for record in batch)]
        try:
            data = "".join(f"{canonical_json(line)}\n" for line in lines).encode()
            key = f"{self._folder}/{now:%Y-%m-%d}/{now:%H%M%S}-{uuid.uuid4().hex}.jsonl.gz"
            self._store.put_bytes(key, gzip.compress(data, mtime=0))
        except Exception as error:  # noqa: BLE001 whatever keeps us from writing, requests go on
            _LOG.warning("%d requests were not recorded: %s", len(batch), type(error).__name__)
            with self._changed:
                self._lose(len(batch))
                self._unsaid += lost  # counted already, but told to nobody

    def _lose(self, count: int) -> None:
        self.lost += count
        self._unsaid += count


@dataclass(frozen=True, kw_only=True)
class RequestWindow:
    """What was logged of a stretch of time."""

    since: datetime
    until: datetime
    """Not part of it."""
    records: Sequence[Record]
    """By time."""
    lost: int
    """Requests of these days that were not recorded."""

    def observations(self) -> list[Observation]:
        """Of each input once, as it was asked last: who asks again tells nothing new."""
        last = {tuple(record.inputs) or record.request_id: record for record in self.records}
        return [record.observation() for record in last.values()]


def read_requests(store: ObjectStore, model: str, since: datetime, until: datetime) -> RequestWindow:
    """Read the records of [since, until).

    Args:
        store: The store.
        model: Name of the deployed model.
        since: Aware.
        until: Aware.

    Raises:
        InvalidInput: If the model's name is no part of a key, or an object is no log of this schema.
    """
    records: list[Record] = []
    lost = 0
    for key in _keys(store, _folder(model), since.astimezone(UTC), until.astimezone(UTC)):
        header, *lines = _read(store, key)
        found = [Record.from_document(line) for line in lines]
        records += [record for record in found if since <= record.time < until]
        lost += int(header["lost"])
    return RequestWindow(
        since=since, until=until, records=sorted(records, key=lambda record: record.time), lost=lost
    )


def _keys(store: ObjectStore, folder: str, since: datetime, until: datetime) -> Iterator[str]:
    """Objects written on the days of a period, or on the next: a record is written after its time."""
    last = min(until, datetime.now(UTC)) + timedelta(days=1)
    days = {f"{since + timedelta(days=index):%Y-%m-%d}" for index in range((last - since).days + 2)}
    for month in sorted({day[:7] for day in days}):
        for item in store.list(f"{folder}/{month}"):
            if item.key.removeprefix(f"{folder}/").partition("/")[0] in days:
                yield item.key


def _read(store: ObjectStore, key: str) -> list[Mapping[str, Any]]:
    lines = [json.loads(line) for line in gzip.decompress(store.get_bytes(key)).splitlines()]
    schema = lines[0].get("schema")
    if schema != SCHEMA_NAME:
        raise InvalidInput(
            f"{store.uri(key)} must be of schema {SCHEMA_NAME}, found {schema}.",
            "Read it with the version of the library that wrote it.",
        )
    return lines


def _folder(model: str) -> str:
    if not _MODEL.fullmatch(model):
        raise InvalidInput(
            f"A model's name must be letters, digits, dots, dashes and underscores, got {model!r}."
        )
    return f"{_FOLDER}/{model}"
