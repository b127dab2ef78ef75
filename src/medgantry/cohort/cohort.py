"""The `Cohort` noun: a folder of Parquet and JSON that names voxels by URI and hash, and holds none.

cases.parquet   case_id, group_id, split, targets
files.parquet   case_id, role, channel, channel_index, uri, format, sha256, shape, spacing_mm, orientation,
                fingerprint
ledger.parquet  every verdict
cohort.json     schema, channel names, label map, regions, hashes, licence, provenance
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medgantry import ledger
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidCohort
from medgantry.fingerprint import hash_value

SCHEMA_NAME = "medgantry/cohort/2"
SPLITS = ("train", "validation", "test")

CASES = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("targets", pa.map_(pa.string(), pa.string()), nullable=False),
    ]
)
FILES = pa.schema(
    [
        pa.field("case_id", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("channel_index", pa.int32(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("shape", pa.list_(pa.int32()), nullable=False),
        pa.field("spacing_mm", pa.list_(pa.float64()), nullable=False),
        pa.field("orientation", pa.string(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of `cases.parquet`."""

    case_id: str
    group_id: str
    """What must stay together in a split: a patient, a lesion."""
    split: str = ""
    """`train`, `validation`, `test`, or empty before the split."""
    targets: Mapping[str, str] = field(default_factory=dict)
    """What is known about the case as a whole, for stratification or as a class."""


PAIR = ("fixed", "moving")
"""Roles of the two images of a pair."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One row of `files.parquet`: one channel of an image, or a label map."""

    case_id: str
    role: str
    """`image`, `label` or `dicom`; of a pair `fixed`, `moving`, and their `_mask` and `_keypoints`; what a network gave is
    `prediction` and `uncertainty`, of a pair `displacement` and `warped`."""
    channel: str
    """Channel name; empty for a label map."""
    channel_index: int
    """Position on the last axis of a 4-D file; -1 in a 3-D file."""
    uri: str
    format: str
    """File name suffix without the dot: `nii.gz`, `nii`."""
    sha256: str
    shape: Sequence[int]
    """Voxels along the three spatial axes as stored."""
    spacing_mm: Sequence[float]
    """Voxel size along the same axes."""
    orientation: str
    """Anatomical direction of the same axes in RAS+ terms, e.g. `LPS`."""
    fingerprint: str = ""
    """By which copies are known whose files differ, see `fingerprints`; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A table of cases.

    Raises:
        InvalidCohort: When constructed with tables that do not hold together.
    """

    cases: Sequence[Case]
    files: Sequence[File]
    entries: Sequence[ledger.Entry]
    """The ledger."""
    channels: Sequence[str]
    label_map: Mapping[str, int]
    """Label name -> code in the label files; `background` is 0."""
    regions: Mapping[str, Sequence[str]]
    """Region name -> the labels, by name, that make it."""
    licence: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    external: bool = False
    """Declared to come from elsewhere than any training data: may be evaluated on by any model."""

    def __post_init__(self) -> None:
        ids = {case.case_id for case in self.cases}
        if len(ids) != len(self.cases):
            raise InvalidCohort(f"Case ids must be unique; {len(self.cases) - len(ids)} are repeated.")
        strays = {file.case_id for file in self.files} - ids
        if strays:
            raise InvalidCohort(f"Files name cases that are not in the cohort: {sorted(strays)[:5]}.")
        unknown = {name for names in self.regions.values() for name in names} - set(self.label_map)
        if unknown:
            raise InvalidCohort(
                f"Regions are made of labels {sorted(unknown)}, the label map has {sorted(self.label_map)}."
            )
        self._check_split()

    def _check_split(self) -> None:
        found = {case.split for case in self.cases}
        if found in (set(), {""}):
            return
        if not found <= set(SPLITS):
            raise InvalidCohort(
                f"Every case of a split cohort must be in one of {SPLITS}, found {sorted(found)}."
            )
        sides: dict[str, set[str]] = defaultdict(set)
        for case in self.cases:
            sides[case.group_id].add(case.split)
        torn = sorted(group for group, splits in sides.items() if len(splits) > 1)
        if torn:
            raise InvalidCohort(
                f"A group must be on one side of a split; {len(torn)} are on several, such as {torn[:5]}.",
                "Split the cohort with split_cohort, which keeps groups together.",
            )

    @property
    def is_split(self) -> bool:
        """Whether every case has a side."""
        return bool(self.cases) and all(case.split for case in self.cases)

    @cached_property
    def cohort_hash(self) -> str:
        """Hash of the content: cases, groups, roles, channels, file hashes, names, regions, targets.

        URIs, fingerprints, times, ledger and split do not count: the same data elsewhere are the same cohort.
        """
        return hash_value(
            {
                "cases": sorted([c.case_id, c.group_id, sorted(c.targets.items())] for c in self.cases),
                "files": sorted(
                    [f.case_id, f.role, f.channel, f.channel_index, f.sha256] for f in self.files
                ),
                "channels": list(self.channels),
                "label_map": dict(self.label_map),
                "regions": {name: sorted(labels) for name, labels in self.regions.items()},
            }
        )

    @cached_property
    def split_hash(self) -> str:
        """Hash of (cohort hash, case -> split); empty before the split."""
        if not self.is_split:
            return ""
        return hash_value([self.cohort_hash, {case.case_id: case.split for case in self.cases}])

    @cached_property
    def files_of(self) -> Mapping[str, Sequence[File]]:
        """Case id -> its files."""
        grouped: dict[str, list[File]] = defaultdict(list)
        for file in self.files:
            grouped[file.case_id].append(file)
        return grouped

    def group_hashes(self, splits: Collection[str]) -> list[str]:
        """Sorted hashes of the groups on these sides, for a model to say whom it knows without naming them."""
        return sorted({hash_group(case.group_id) for case in self.cases if case.split in splits})

    def side(self, split: str) -> list[str]:
        """Sorted ids of the cases on one side of the split."""
        return sorted(case.case_id for case in self.cases if case.split == split)

    def region_codes(self) -> dict[str, list[int]]:
        """Region name -> the label codes that make it."""
        return {name: [self.label_map[label] for label in labels] for name, labels in self.regions.items()}

    def save(self, folder: Path) -> None:
        """Write the cohort's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        cases = [{**asdict(case), "targets": sorted(case.targets.items())} for case in self.cases]
        pq.write_table(pa.Table.from_pylist(cases, schema=CASES), folder / "cases.parquet")
        rows = [vars(file) for file in self.files]
        pq.write_table(pa.Table.from_pylist(rows, schema=FILES), folder / "files.parquet")
        ledger.write(self.entries, folder / "ledger.parquet")
        document = {
            "channels": list(self.channels),
            "label_map": dict(self.label_map),
            "regions": {name: list(labels) for name, labels in self.regions.items()},
            "cohort_hash": self.cohort_hash,
            "split_hash": self.split_hash,
            "licence": self.licence,
            "provenance": dict(self.provenance),
            "external": self.external,
        }
        write_document(folder / "cohort.json", SCHEMA_NAME, document)

    @classmethod
    def open(cls, folder: Path) -> "Cohort":
        """Read and check a cohort's folder.

        Raises:
            InvalidInput: If it is no cohort, or of another schema.
            InvalidCohort: If its content is not what its hash says.
        """
        document = read_document(folder / "cohort.json", SCHEMA_NAME)
        cases = pq.read_table(folder / "cases.parquet", schema=CASES).to_pylist()
        files = pq.read_table(folder / "files.parquet", schema=FILES).to_pylist()
        cohort = cls(
            cases=[Case(**{**row, "targets": dict(row["targets"])}) for row in cases],
            files=[File(**row) for row in files],
            entries=ledger.read(folder / "ledger.parquet"),
            channels=document["channels"],
            label_map=document["label_map"],
            regions=document["regions"],
            licence=document["licence"],
            provenance=document["provenance"],
            external=document["external"],
        )
        for name in ("cohort_hash", "split_hash"):
            if document[name] != getattr(cohort, name):
                raise InvalidCohort(
                    f"{folder} says {name} {document[name] or 'none'}, its content has "
                    f"{getattr(cohort, name) or 'none'}.",
                    "The folder was edited by hand: make it again with the step that wrote it.",
                )
        return cohort


def hash_group(group_id: str) -> str:
    """A group's id, not readable but comparable."""
    return hash_value(["group", group_id])[:16]
