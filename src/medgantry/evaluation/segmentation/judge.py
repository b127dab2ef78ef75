"""Judging a segmentation bundle on source volumes, beside two baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.cohort import Cohort
from medgantry.evaluation.measures import Rows
from medgantry.evaluation.segmentation.dice import dice
from medgantry.evaluation.segmentation.measures import MEMBER_DICE, SegmentationMeasures
from medgantry.evaluation.segmentation.overlay import draw_overlay
from medgantry.evaluation.segmentation.surface_distance import compare_surfaces
from medgantry.evaluation.segmentation.threshold import ThresholdBaseline
from medgantry.inference import Segmenter
from medgantry.inference.label_map import labels_to_region
from medgantry.millilitres import voxel_millilitres

_TOLERANCE_MM = 2.0
"""Of the normalised surface distance, where the bundle's metadata do not say `surface_tolerance_mm`."""

Masks = dict[str, NDArray[np.bool_]]


class SegmentationJudge:
    """Dice, surface distances and volumes of every region, on the source grid.

    Args:
        cohort: Whose labels are the reference.
        bundle: Trained.
        untrained_seed: Of the untrained network that learning is compared with; None for no baselines.
    """

    def __init__(self, cohort: Cohort, bundle: Bundle, *, untrained_seed: int | None) -> None:
        self._cohort, self._names = cohort, bundle.outputs
        self._trained = Segmenter(bundle, each_member=len(bundle.weights_files) > 1)
        self._untrained = None if untrained_seed is None else Segmenter(bundle, untrained_seed=untrained_seed)
        self._threshold = ThresholdBaseline()
        self._group_of = {case.case_id: case.group_id for case in cohort.cases}
        self._tolerance_mm = float(bundle.metadata.get("surface_tolerance_mm", _TOLERANCE_MM))
        self.measures = SegmentationMeasures(self._names, self._tolerance_mm)

    def judge(self, case_id: str, scratch: Path, answers: Path | None) -> list[dict[str, Any]]:
        """One row per region, with each member's Dice for an ensemble; the label map is kept as `<case id>.nii.gz`."""
        item = self._bring(case_id, scratch)
        prediction = self._trained.predict_case(item)
        if answers:
            prediction.save(_answer(answers, case_id))
        references, affine = self._references(item)
        predictions = self._regions(self._trained, prediction.labels)
        alone = [self._regions(self._trained, labels) for labels in prediction.members]
        blank: Masks = {}
        if self._untrained:
            blank = self._regions(self._untrained, self._untrained.predict_case(item).labels)
            self._threshold.add(self._volumes(item), references)
        spacing_mm = [float(size) for size in nibabel.affines.voxel_sizes(affine)]
        millilitres = voxel_millilitres(affine)
        rows = []
        for name in self._names:
            surfaces = compare_surfaces(
                predictions[name], references[name], spacing_mm=spacing_mm, tolerance_mm=self._tolerance_mm
            )
            rows.append(
                {
                    "case_id": case_id,
                    "group_id": self._group_of[case_id],
                    "region": name,
                    "dice": dice(predictions[name], references[name]),
                    **_of_members([dice(member[name], references[name]) for member in alone]),
                    "nsd": surfaces.nsd,
                    "hd95_mm": surfaces.hd95_mm,
                    "untrained_dice": dice(blank[name], references[name]) if blank else 0.0,
                    "reference_ml": float(references[name].sum()) * millilitres,
                    "predicted_ml": float(predictions[name].sum()) * millilitres,
                }
            )
        return rows

    def extras(self) -> Mapping[str, Any]:
        """The best single threshold, a baseline over all cases."""
        return {"threshold": self._threshold.best(self._names)}

    def draw(self, case_id: str, rows: Rows, answers: Path, scratch: Path, path: Path) -> str:
        """Reference and prediction as outlines on one slice."""
        item = self._bring(case_id, scratch)
        references, affine = self._references(item)
        labels = np.asanyarray(nibabel.load(_answer(answers, case_id)).dataobj)
        predictions = self._regions(self._trained, labels)
        first = next(iter(self._volumes(item).values()))
        draw_overlay(path, first, references, predictions, case_id, affine=affine)
        return ", ".join(f"{row['region']} Dice {row['dice']:.3f}" for row in rows)

    def _bring(self, case_id: str, scratch: Path) -> dict[str, Path | list[Path]]:
        bundle = self._trained.bundle
        return bring_case(self._cohort.files_of[case_id], bundle, scratch)

    def _references(self, item: Mapping[str, Path | list[Path]]) -> tuple[Masks, NDArray[np.float64]]:
        image = nibabel.load(item["label"])
        labels = np.asanyarray(image.dataobj)
        codes = self._cohort.region_codes()
        return {name: labels_to_region(labels, codes[name]) for name in self._names}, image.affine

    def _regions(self, model: Segmenter, labels: NDArray[np.uint8]) -> Masks:
        return {name: labels_to_region(labels, model.regions[name]) for name in self._names}

    def _volumes(self, item: Mapping[str, Path | list[Path]]) -> dict[str, NDArray[np.generic]]:
        names: Sequence[str] = self._trained.bundle.input_channels
        image = item["image"]
        if isinstance(image, list):
            arrays = [np.squeeze(np.asanyarray(nibabel.load(path).dataobj)) for path in image]
            return dict(zip(names, arrays, strict=True))
        voxels = np.asanyarray(nibabel.load(image).dataobj)
        if voxels.ndim == 3:
            voxels = voxels[..., None]
        return {name: voxels[..., index] for index, name in enumerate(names)}


def _of_members(found: Sequence[float]) -> dict[str, Any]:
    """A column of an ensemble alone."""
    return {MEMBER_DICE: list(found)} if found else {}


def _answer(answers: Path, case_id: str) -> Path:
    """Where a case's label map is kept."""
    return answers / f"{case_id}.nii.gz"
