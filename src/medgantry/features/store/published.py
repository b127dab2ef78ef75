"""What a feature view knows: a feature table whose rows say when they were published, in an immutable folder.

feature-store/<project>/registry.db                      Feast's registry: which version each view is at
feature-store/<project>/views/<view>/<version>/          features.parquet (with `created_timestamp`), columns.json,
                                                         ledger.parquet, _SUCCESS
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry.features.table import SUBJECT, TIMESTAMP, FeatureTable, Row
from medgantry.fingerprint import hash_value
from medgantry.storage import ObjectStore, fetch_folder, publish_folder

ROOT = "feature-store"
CREATED = "created_timestamp"
DATA = "features.parquet"
_TYPE = pa.timestamp("us", tz="UTC")

Key = tuple[str, datetime]


def key(row: Row) -> Key:
    """Subject and time: a view has one row of each.

    Feast 0.67 does not keep the newest of several: Dask sorts by creation, then by time, and its sorting is not stable.
    """
    return str(row[SUBJECT]), row[TIMESTAMP]


@dataclass(frozen=True)
class Published:
    """One version of a view."""

    table: FeatureTable
    """Its rows have `created_timestamp` too; its provenance holds that of every published table, by content hash."""

    @cached_property
    def version(self) -> str:
        """Hash of all there is: the same content published at the same times."""
        created = [[*map(str, key(row)), row[CREATED].astimezone(UTC).isoformat()] for row in self.table.rows]
        entries = [asdict(entry) for entry in self.table.entries]
        return hash_value([self.table.content_hash, sorted(created), entries, dict(self.table.provenance)])

    @property
    def tables(self) -> Mapping[str, Mapping[str, Any]]:
        """Provenance of the tables that were published, by their content hash."""
        return dict(self.table.provenance["tables"])

    def prefix(self, project: str, view: str) -> str:
        """The folder's key."""
        return folder(project, view, self.version)

    def upload(self, store: ObjectStore, project: str, view: str) -> None:
        """Write the folder, whole or not at all; nobody sees it before the registry names it."""
        with TemporaryDirectory(prefix="medgantry-") as scratch:
            place = Path(scratch)
            self.table.save(place)
            created = sorted((key(row), row[CREATED]) for row in self.table.rows)
            column = pa.array([when for _, when in created], _TYPE)
            pq.write_table(self.table.data().append_column(pa.field(CREATED, _TYPE), column), place / DATA)
            publish_folder(store, self.prefix(project, view), place)

    @classmethod
    def download(cls, store: ObjectStore, prefix: str) -> "Published":
        """Read a version, every file checked against its hash."""
        with TemporaryDirectory(prefix="medgantry-") as scratch:
            fetch_folder(store, prefix, Path(scratch) / "view")
            return cls(FeatureTable.open(Path(scratch) / "view"))


def folder(project: str, view: str, version: str) -> str:
    """Key of a version's folder."""
    return f"{ROOT}/{project}/views/{view}/{version}"
