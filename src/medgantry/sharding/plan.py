"""Which case goes to which shard: a pure function of the cohort and the bundle's transforms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort, File
from medgantry.dealing import MAX_PARTS, deal
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidInput, Mismatch
from medgantry.fingerprint import code_fingerprint, hash_value

SCHEMA_NAME = "medgantry/shard-plan/1"


@dataclass(frozen=True, kw_only=True)
class PlannedShard:
    """One shard to make."""

    shard_id: str
    """Hash of everything that decides its bytes: transforms, code, its cases and their files."""
    cases: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """All shards of a cohort, and how many tasks share them."""

    cohort_hash: str
    transform_fingerprint: str
    spec: str
    """Hash of transforms and code: the folder of the shards."""
    parts: int
    shards: Sequence[PlannedShard]

    def part(self, index: int) -> list[PlannedShard]:
        """The shards of one task."""
        return list(self.shards[index :: self.parts])

    def check_fits(self, cohort: Cohort, bundle: Bundle) -> None:
        """Refuse a cohort or transforms that the plan was not made for.

        Raises:
            Mismatch: Naming both sides.
        """
        if self.cohort_hash != cohort.cohort_hash:
            raise Mismatch(
                f"The plan is of cohort {self.cohort_hash[:12]}, this is {cohort.cohort_hash[:12]}.",
                "Plan again.",
            )
        if self.transform_fingerprint != bundle.transform_fingerprint:
            raise Mismatch(
                f"The plan was made for transforms {self.transform_fingerprint[:12]}, the bundle's are "
                f"{bundle.transform_fingerprint[:12]}.",
                "Plan again.",
            )

    def save(self, folder: Path) -> None:
        """Write the plan's folder."""
        write_document(folder / "plan.json", SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "ShardPlan":
        """Read a plan.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        document = read_document(folder / "plan.json", SCHEMA_NAME)
        shards = [PlannedShard(**shard) for shard in document.pop("shards")]
        return cls(shards=shards, **document)


def sidecar_key(spec: str, shard_id: str) -> str:
    """Where a shard's sidecar lies: when it is there, the shard is done."""
    return f"shards/{spec}/{shard_id}.json"


def plan_shards(cohort: Cohort, bundle: Bundle, *, shard_mib: float) -> ShardPlan:
    """Deal the cases to shards of about equal size.

    Args:
        cohort: The cohort.
        bundle: Whose deterministic transforms fill the shards.
        shard_mib: Wanted size of a shard, MiB.

    Raises:
        InvalidInput: If the size is not positive.
        Mismatch: If channels or regions of cohort and bundle differ.
    """
    if shard_mib <= 0:
        raise InvalidInput(f"shard_mib must be positive, got {shard_mib}.")
    bundle.check_cohort(cohort)
    sizes = {case.case_id: _bytes(cohort.files_of.get(case.case_id, ()), bundle) for case in cohort.cases}
    count = max(1, math.ceil(sum(sizes.values()) / (shard_mib * 2**20)))
    codes = bundle.label_codes(cohort)
    spec = hash_value([SCHEMA_NAME, bundle.transform_fingerprint, codes, code_fingerprint()])
    classes = bundle.class_indices(cohort)
    shards = [
        PlannedShard(shard_id=_shard_id(spec, sorted(cases), cohort, classes), cases=sorted(cases))
        for cases in deal(sizes, count)
    ]
    return ShardPlan(
        cohort_hash=cohort.cohort_hash,
        transform_fingerprint=bundle.transform_fingerprint,
        spec=spec,
        parts=min(len(shards), MAX_PARTS),
        shards=shards,
    )


def _bytes(files: Sequence[File], bundle: Bundle) -> int:
    """Estimated size of a case in a shard: float16 images and uint8 regions on the source grid."""
    voxels = max((math.prod(file.shape) for file in files), default=0)
    volumes = sum(len(file.shape) == 3 for file in files) if bundle.task == "registration" else 0
    return voxels * (2 * (len(bundle.input_channels) or volumes) + len(bundle.outputs))


def _shard_id(spec: str, cases: Sequence[str], cohort: Cohort, classes: Mapping[str, int]) -> str:
    content = [
        [
            case_id,
            classes.get(case_id, ""),
            sorted([f.role, f.channel, f.channel_index, f.sha256] for f in cohort.files_of.get(case_id, ())),
        ]
        for case_id in cases
    ]
    return hash_value([spec, content])
