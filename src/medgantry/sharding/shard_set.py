"""The `ShardSet` noun: an index of shards, and the ledger of the cases that went into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medgantry import ledger
from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.documents import read_document, write_document
from medgantry.errors import Mismatch
from medgantry.fingerprint import hash_value
from medgantry.sharding.plan import ShardPlan

SCHEMA_NAME = "medgantry/shard-set/1"
STEP = "preprocess_shard"


@dataclass(frozen=True, kw_only=True)
class ShardSet:
    """Preprocessed cases by URI."""

    cohort_hash: str
    transform_fingerprint: str
    bundle_hash: str
    spec: str
    shards: Sequence[Mapping[str, Any]]
    """Sidecars: shard_id, uri, sha256, bytes, cases (tensor -> dtype, shape, scale, offset), failures."""
    entries: Sequence[ledger.Entry] = ()

    @property
    def content_hash(self) -> str:
        """Hash of what the shards hold, wherever they lie."""
        return hash_value(sorted([str(shard["shard_id"]), str(shard["sha256"])] for shard in self.shards))

    def where(self) -> dict[str, Mapping[str, Any]]:
        """Case id -> its shard's sidecar."""
        return {case_id: shard for shard in self.shards for case_id in shard["cases"]}

    def check_fits(self, cohort: Cohort, bundle: Bundle) -> None:
        """Refuse shards of another cohort or of other transforms.

        Raises:
            Mismatch: Naming both sides.
        """
        if self.cohort_hash != cohort.cohort_hash:
            raise Mismatch(
                f"The shards are of cohort {self.cohort_hash[:12]}, the cohort in hand is "
                f"{cohort.cohort_hash[:12]}.",
                "Preprocess this cohort.",
            )
        if self.transform_fingerprint != bundle.transform_fingerprint:
            raise Mismatch(
                f"The shards were made by transforms {self.transform_fingerprint[:12]}, the bundle's are "
                f"{bundle.transform_fingerprint[:12]}.",
                "Preprocess with this bundle.",
            )

    def save(self, folder: Path) -> None:
        """Write the shard set's folder."""
        document = {
            "cohort_hash": self.cohort_hash,
            "transform_fingerprint": self.transform_fingerprint,
            "bundle_hash": self.bundle_hash,
            "spec": self.spec,
            "shards": list(self.shards),
        }
        write_document(folder / "index.json", SCHEMA_NAME, document)
        ledger.write(self.entries, folder / "ledger.parquet")

    @classmethod
    def open(cls, folder: Path) -> "ShardSet":
        """Read a shard set.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "index.json", SCHEMA_NAME)
        return cls(**document, entries=ledger.read(folder / "ledger.parquet"))


def merge_shards(
    cohort: Cohort,
    bundle: Bundle,
    plan: ShardPlan,
    sidecars: Sequence[Mapping[str, Any]],
    *,
    max_rejected: float,
) -> ShardSet:
    """Fold what the tasks committed into one index; every planned shard must be there once.

    Raises:
        Mismatch: If the plan is of another cohort or other transforms, or a planned shard is missing.
        TooManyRejected: If too many cases could not be preprocessed.
    """
    plan.check_fits(cohort, bundle)
    committed = {str(sidecar["shard_id"]): sidecar for sidecar in sidecars}
    missing = [shard.shard_id for shard in plan.shards if shard.shard_id not in committed]
    if missing:
        raise Mismatch(
            f"{len(missing)} of {len(plan.shards)} shards were not committed, such as {missing[0][:12]}.",
            "Run the preprocessing again: finished shards are kept.",
        )
    ordered = [committed[shard.shard_id] for shard in plan.shards]
    failed = [
        ledger.Entry(
            item=failure["case_id"],
            step=STEP,
            verdict="rejected",
            rule="the deterministic transforms succeed",
            evidence=failure["evidence"],
            remedy="Look at the volume with the bundle's transforms.",
        )
        for sidecar in ordered
        for failure in sidecar["failures"]
    ]
    before = [entry for entry in cohort.entries if entry.verdict == "rejected"]
    total = len(cohort.cases) + len(before)
    ledger.check_budget([*before, *failed], total=total, max_rejected=max_rejected)
    return ShardSet(
        cohort_hash=cohort.cohort_hash,
        transform_fingerprint=bundle.transform_fingerprint,
        bundle_hash=bundle.bundle_hash,
        spec=plan.spec,
        shards=ordered,
        entries=[*cohort.entries, *failed],
    )
