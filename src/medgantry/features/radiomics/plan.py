"""Which case goes to which task: a pure function of the cohort and of what is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medgantry.cohort import Cohort, File
from medgantry.cohort.parts import deal_cases
from medgantry.documents import read_document, write_document
from medgantry.errors import Mismatch
from medgantry.features.radiomics.case import library_versions
from medgantry.features.radiomics.config import RadiomicsConfig
from medgantry.fingerprint import code_fingerprint, hash_value

SCHEMA_NAME = "medgantry/radiomics-plan/1"


@dataclass(frozen=True, kw_only=True)
class RadiomicsPlan:
    """All cases of a cohort, and how many tasks share them."""

    cohort_hash: str
    config: Mapping[str, Any]
    """Document of the `RadiomicsConfig`."""
    spec: str
    """Hash of what is wanted, of code and libraries: the folder of the results."""
    libraries: Mapping[str, str]
    """Versions of what computes."""
    parts: Sequence[Sequence[str]]
    """Ids of the cases of each task."""

    def check_fits(self, cohort: Cohort) -> None:
        """Refuse a cohort that the plan was not made for.

        Raises:
            Mismatch: Naming both sides.
        """
        if self.cohort_hash != cohort.cohort_hash:
            raise Mismatch(
                f"The plan is of cohort {self.cohort_hash[:12]}, this is {cohort.cohort_hash[:12]}.",
                "Plan again.",
            )

    def save(self, folder: Path) -> None:
        """Write the plan's folder."""
        write_document(folder / "plan.json", SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "RadiomicsPlan":
        """Read a plan.

        Raises:
            InvalidInput: If it is none of this schema.
        """
        return cls(**read_document(folder / "plan.json", SCHEMA_NAME))


def result_key(spec: str, image: File, labels: File) -> str:
    """Where a case's result lies: when it is there, the case is done."""
    return f"radiomics/{spec}/{hash_value([image.sha256, image.channel_index, labels.sha256])}.json"


def plan_cases(cohort: Cohort, config: RadiomicsConfig) -> RadiomicsPlan:
    """Deal the cases to tasks of about equal size."""
    document, libraries = config.document(), library_versions()
    return RadiomicsPlan(
        cohort_hash=cohort.cohort_hash,
        config=document,
        spec=hash_value([SCHEMA_NAME, document, libraries, code_fingerprint()]),
        libraries=libraries,
        parts=deal_cases(cohort, cohort.cases),
    )
