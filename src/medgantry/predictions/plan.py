"""Which case goes to which task, and by what model it is predicted."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.bundles.bundle import Task
from medgantry.cohort import PAIR, Cohort, File
from medgantry.cohort.parts import deal_cases
from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidBundle, InvalidInput, Mismatch
from medgantry.fingerprint import code_fingerprint, hash_value

SCHEMA_NAME = "medgantry/prediction-plan/1"
STEP = "predict_part"
"""Whose verdicts are in the ledger."""
INPUTS = ("image", *PAIR)
"""Roles of the files that a network sees."""
SOURCE = "dicom"
"""Role of the DICOM objects that a case was made of."""


@dataclass(frozen=True, kw_only=True)
class PredictionPlan:
    """The cases to predict, and how many tasks share them."""

    cohort_hash: str
    task: Task
    bundle_hash: str
    """Of every file of the bundle."""
    weights_hash: str
    spec: str
    """Hash of weights, configs, label codes and code: the folder of the results."""
    parts: Sequence[Sequence[str]]
    """Ids of the cases of each task."""

    @property
    def cases(self) -> list[str]:
        """Ids of all cases, sorted."""
        return sorted(case_id for part in self.parts for case_id in part)

    def check_fits(self, cohort: Cohort, bundle: Bundle | None = None) -> None:
        """Refuse a cohort or a bundle that the plan was not made for.

        Raises:
            Mismatch: Naming both sides.
        """
        if self.cohort_hash != cohort.cohort_hash:
            raise Mismatch(
                f"The plan is of cohort {self.cohort_hash[:12]}, this is {cohort.cohort_hash[:12]}.",
                "Plan again.",
            )
        if bundle is not None and self.bundle_hash != bundle.bundle_hash:
            raise Mismatch(
                f"The plan is of bundle {self.bundle_hash[:12]}, this is {bundle.bundle_hash[:12]}.",
                "Plan again.",
            )

    def save(self, folder: Path) -> None:
        """Write the plan's folder."""
        write_document(folder / "plan.json", SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "PredictionPlan":
        """Read a plan.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        return cls(**read_document(folder / "plan.json", SCHEMA_NAME))


def result_key(spec: str, files: Sequence[File]) -> str:
    """Where a case's result lies: when it is there, the case is done."""
    content = sorted(
        [file.role, file.channel, file.channel_index, file.sha256]
        for file in files
        if file.role in (*INPUTS, SOURCE)
    )
    return f"predictions/{spec}/{hash_value(content)}.json"


def plan_predictions(cohort: Cohort, bundle: Bundle, *, split: str) -> PredictionPlan:
    """Deal the cases to tasks of about equal size.

    Args:
        cohort: With the bundle's channels.
        bundle: Trained.
        split: The side to predict; empty for all cases.

    Raises:
        InvalidBundle: If the bundle has no weights.
        InvalidInput: If the cohort has no such case.
        Mismatch: If the cohort lacks a channel.
    """
    if not bundle.weights_files:
        raise InvalidBundle(f"{bundle.folder.name} has no weights.", "Train it first.")
    bundle.check_channels(cohort)
    wanted = [case for case in cohort.cases if not split or case.split == split]
    if not wanted:
        raise InvalidInput(f"No case is on side {split!r}.", "Leave split empty to predict all.")
    codes = bundle.provenance.get("regions", {})
    return PredictionPlan(
        cohort_hash=cohort.cohort_hash,
        task=bundle.task,
        bundle_hash=bundle.bundle_hash,
        weights_hash=bundle.weights_hash,
        spec=hash_value([SCHEMA_NAME, bundle.model_hash, codes, code_fingerprint()]),
        parts=deal_cases(cohort, wanted),
    )
