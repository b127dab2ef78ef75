"""The golden case: a held-out input that travels with the model, and the answer it must give."""

import gzip
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.evaluation.classification.measures import probability
from medgantry.evaluation.evaluation import Evaluation
from medgantry.fingerprint import canonical_json
from medgantry.storage.files import fetch

FOLDER = "golden"
LABELS = "label_map.nii"
"""The answer of a segmentation."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """Where the golden case lies inside a bundle's folder."""

    folder: Path
    case_id: str
    channels: dict[str, tuple[str, int]]
    """Channel name -> (file name below `golden/`, index on the last axis or -1)."""
    probabilities: dict[str, float]
    """The answer of a classification: class -> probability; empty for a segmentation."""

    @classmethod
    def open(cls, bundle_folder: Path) -> "Golden":
        """Read a bundle's golden case."""
        folder = bundle_folder / FOLDER
        document = json.loads((folder / "golden.json").read_text())
        channels = {name: (str(file), int(index)) for name, (file, index) in document["channels"].items()}
        return cls(
            folder=folder,
            case_id=document["case_id"],
            channels=channels,
            probabilities=document["probabilities"],
        )


def add_golden(bundle_folder: Path, cohort: Cohort, evaluation: Evaluation, evaluation_folder: Path) -> None:
    """Copy the first evaluated case's images and the answer that evaluation stored into the bundle."""
    case_id = evaluation.case_ids[0]
    folder = bundle_folder / FOLDER
    folder.mkdir(parents=True)
    channels = {}
    with TemporaryDirectory(prefix="medgantry-golden-") as scratch:
        for file in cohort.files_of[case_id]:
            if file.role != "image":
                continue
            path = fetch(file.uri, file.sha256, Path(scratch), file.format)
            name = f"{file.sha256[:16]}.{file.format.removesuffix('.gz')}"
            if not (folder / name).exists():
                _plain_copy(path, folder / name)
            channels[file.channel] = (name, file.channel_index)
    probabilities = {}
    if evaluation.task == "classification":
        row = next(row for row in evaluation.rows if row["case_id"] == case_id)
        probabilities = {name: row[probability(name)] for name in Bundle(bundle_folder).outputs}
    else:
        _plain_copy(evaluation_folder / "predictions" / f"{case_id}.nii.gz", folder / LABELS)
    document = {"case_id": case_id, "channels": channels, "probabilities": probabilities}
    (folder / "golden.json").write_text(canonical_json(document))


def _plain_copy(source: Path, target: Path) -> None:
    """Copy without compression: MLflow's server calls .gz a content encoding, and its clients unpack it."""
    packed = gzip.open(source) if source.name.endswith(".gz") else source.open("rb")  # noqa: SIM115 closed below
    with packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
