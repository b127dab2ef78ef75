"""A bundle's golden case: the first held-out case, and what evaluation was answered."""

import gzip
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry.bundles import Bundle
from medgantry.cohort import PAIR, Cohort
from medgantry.evaluation.classification.measures import probability
from medgantry.evaluation.evaluation import Evaluation
from medgantry.registry.golden import FOLDER, Golden, GoldenInput
from medgantry.storage.files import fetch

_ANSWERS = {"segmentation": "label_map_nifti", "registration": "displacement_nifti"}
"""The output of the file that evaluation keeps of a case, by task."""


def add_golden_case(
    bundle_folder: Path, cohort: Cohort, evaluation: Evaluation, evaluation_folder: Path
) -> None:
    """Copy the first evaluated case's images and the answer that evaluation stored into a bundle."""
    case_id = evaluation.case_ids[0]
    folder = bundle_folder / FOLDER
    folder.mkdir(parents=True)
    inputs = _copy_inputs(cohort, case_id, folder)
    values: dict[str, Sequence[float | str]] = {}
    files = {}
    if evaluation.task == "classification":
        row = next(row for row in evaluation.rows if row["case_id"] == case_id)
        classes = Bundle(bundle_folder).outputs
        values = {"classes": classes, "probabilities": [row[probability(name)] for name in classes]}
    else:
        files[_ANSWERS[evaluation.task]] = "answer.nii"
        _copy_plain(evaluation_folder / "predictions" / f"{case_id}.nii.gz", folder / "answer.nii")
    Golden(case_id=case_id, inputs=inputs, values=values, files=files).save(folder)


def _copy_inputs(cohort: Cohort, case_id: str, folder: Path) -> list[GoldenInput]:
    inputs = []
    with TemporaryDirectory(prefix="medgantry-golden-") as scratch:
        for file in cohort.files_of[case_id]:
            if file.role != "image" and file.role not in PAIR:
                continue
            path = fetch(file.uri, file.sha256, Path(scratch), file.format)
            name = f"{file.sha256[:16]}.{file.format.removesuffix('.gz')}"
            if not (folder / name).exists():
                _copy_plain(path, folder / name)
            asked = file.channel if file.role == "image" else file.role
            inputs.append(GoldenInput(name=asked, file=name, channel_index=file.channel_index))
    return inputs


def _copy_plain(source: Path, target: Path) -> None:
    """Copy without compression: MLflow's server calls .gz a content encoding, and its clients unpack it."""
    packed = gzip.open(source) if source.name.endswith(".gz") else source.open("rb")  # noqa: SIM115 closed below
    with packed, target.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
