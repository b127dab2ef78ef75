"""Evaluation of a segmentation bundle on source volumes, beside two baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.cohort import Cohort
from medgantry.errors import InvalidCohort
from medgantry.evaluation.bootstrap import clustered_mean
from medgantry.evaluation.dice import EMPTY_POLICY, dice
from medgantry.evaluation.evaluation import Evaluation, check_independent
from medgantry.evaluation.overlay import draw_overlay
from medgantry.evaluation.report import write_report
from medgantry.evaluation.threshold import ThresholdBaseline
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.inference import Predictor
from medgantry.inference.label_map import labels_to_region
from medgantry.ledger import Entry
from medgantry.steps import StepRecord

MAX_PICTURES = 8


@dataclass(kw_only=True)
class _Collected:
    rows: list[dict[str, Any]] = field(default_factory=list)
    threshold: ThresholdBaseline = field(default_factory=ThresholdBaseline)
    empty: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)


def evaluation_key(cohort: Cohort, bundle: Bundle, *, split: str, seed: int) -> str:
    """Hash of everything that decides an evaluation."""
    return hash_value(
        [
            bundle.weights_hash,
            bundle.config_hash,
            cohort.cohort_hash,
            cohort.split_hash,
            split,
            seed,
            code_fingerprint(),
        ]
    )


def evaluate(
    cohort: Cohort, bundle: Bundle, folder: Path, *, split: str, seed: int, record: StepRecord
) -> Evaluation:
    """Predict every case of a side, score it against its label map, and write the evidence.

    Args:
        cohort: With the split the model was trained with, or external (then every case counts).
        bundle: Trained.
        folder: Gets metrics.json, cases.parquet, ledger rows, predictions/, overlays/, report.html.
        split: The side to judge on.
        seed: Of the untrained network that learning is compared with.
        record: The step's record.

    Raises:
        Mismatch: If the model may have seen these cases.
        InvalidCohort: If the side has no labelled case.
    """
    check_independent(cohort, bundle)
    bundle.check_cohort(cohort)
    cases = sorted(case.case_id for case in cohort.cases) if cohort.external else cohort.side(split)
    labelled = [name for name in cases if any(file.role == "label" for file in cohort.files_of[name])]
    if not labelled:
        raise InvalidCohort(f"No labelled case is on side {split!r}.", "Give it at least one group.")
    for sub in ("predictions", "overlays"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    models = (Predictor(bundle), Predictor(bundle, untrained_seed=seed))
    collected = _Collected(empty=dict.fromkeys(bundle.outputs, 0))
    for done, case_id in enumerate(labelled):
        record.advance(done, len(labelled), "cases")
        with TemporaryDirectory(prefix="medgantry-evaluate-") as scratch:
            _score_case(case_id, cohort, models, Path(scratch), folder, collected)
    record.advance(len(labelled), len(labelled), "cases")
    evaluation = Evaluation(
        key=evaluation_key(cohort, bundle, split=split, seed=seed),
        cohort_hash=cohort.cohort_hash,
        split_hash=cohort.split_hash,
        weights_hash=bundle.weights_hash,
        split=split,
        metrics=_metrics(collected, bundle.outputs),
        rows=collected.rows,
    )
    evaluation.save(folder)
    write_report(
        folder / "report.html",
        title=str(bundle.metadata.get("name", "Model")),
        metrics=evaluation.metrics,
        entries=[*cohort.entries, *collected.entries],
        hashes={
            "cohort": cohort.cohort_hash,
            "split": cohort.split_hash,
            "weights": evaluation.weights_hash,
            "code": code_fingerprint(),
        },
        pictures=sorted((folder / "overlays").glob("*.png")),
    )
    return evaluation


def _score_case(
    case_id: str,
    cohort: Cohort,
    models: tuple[Predictor, Predictor],
    scratch: Path,
    folder: Path,
    collected: _Collected,
) -> None:
    trained, untrained = models
    names = trained.bundle.outputs
    files = cohort.files_of[case_id]
    item = bring_case(files, trained.bundle.input_channels, scratch)
    prediction = trained.predict_case(item)
    prediction.save(folder / "predictions" / f"{case_id}.nii.gz")
    blank = untrained.predict_case(item).labels
    label_image = nibabel.load(item["label"])
    labels = np.asanyarray(label_image.dataobj)
    codes = {name: cohort.region_codes()[name] for name in names}
    references = {name: labels_to_region(labels, codes[name]) for name in names}
    predictions = {name: labels_to_region(prediction.labels, trained.regions[name]) for name in names}
    millilitres = float(abs(np.linalg.det(label_image.affine[:3, :3]))) / 1000
    group = next(case.group_id for case in cohort.cases if case.case_id == case_id)
    for name in names:
        collected.empty[name] += not references[name].any()
        collected.rows.append(
            {
                "case_id": case_id,
                "group_id": group,
                "region": name,
                "dice": dice(predictions[name], references[name]),
                "untrained_dice": dice(labels_to_region(blank, trained.regions[name]), references[name]),
                "reference_ml": float(references[name].sum()) * millilitres,
                "predicted_ml": float(predictions[name].sum()) * millilitres,
            }
        )
    volumes = _channels(item, trained.bundle.input_channels)
    collected.threshold.add(volumes, references)
    if len(list((folder / "overlays").iterdir())) < MAX_PICTURES:
        first = next(iter(volumes.values()))
        draw_overlay(folder / "overlays" / f"{case_id}.png", first, references, predictions, case_id)
    collected.entries.append(
        Entry(item=case_id, step="evaluate", verdict="ok", rule="predicted and scored in source geometry")
    )


def _channels(item: Mapping[str, Path | list[Path]], names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    image = item["image"]
    if isinstance(image, list):
        arrays = [np.squeeze(np.asanyarray(nibabel.load(path).dataobj)) for path in image]
        return dict(zip(names, arrays, strict=True))
    voxels = np.asanyarray(nibabel.load(image).dataobj)
    if voxels.ndim == 3:
        voxels = voxels[..., None]
    return {name: voxels[..., index] for index, name in enumerate(names)}


def _metrics(collected: _Collected, regions: Sequence[str]) -> dict[str, Any]:
    def column(region: str, name: str) -> list[float]:
        return [float(row[name]) for row in collected.rows if row["region"] == region]

    groups = [str(row["group_id"]) for row in collected.rows if row["region"] == regions[0]]
    scores = {region: clustered_mean(column(region, "dice"), groups) for region in regions}
    over_regions = np.mean([column(region, "dice") for region in regions], axis=0)
    untrained = {region: float(np.mean(column(region, "untrained_dice"))) for region in regions}
    return {
        "dice": {**scores, "mean": clustered_mean([float(value) for value in over_regions], groups)},
        "untrained": {**untrained, "mean": float(np.mean(list(untrained.values())))},
        "threshold": collected.threshold.best(regions),
        "empty_policy": EMPTY_POLICY,
        "empty_references": collected.empty,
        "definition": "Dice per case, averaged over cases per region, then over regions",
    }
