"""Judging a registration bundle on source volumes: with it, and without any."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.affines import voxel_sizes
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.bundles.pair_files import bring_pair
from medgantry.cohort import Cohort
from medgantry.evaluation.measures import Rows
from medgantry.evaluation.registration.folding import regularity
from medgantry.evaluation.registration.landmark_error import landmark_errors
from medgantry.evaluation.registration.measures import RegistrationMeasures
from medgantry.evaluation.registration.picture import draw_registration
from medgantry.evaluation.segmentation.dice import dice
from medgantry.inference.registrar import Displacement, Registrar
from medgantry.ingest.pairs.judge import read_keypoints

Item = Mapping[str, Path]


class RegistrationJudge:
    """Mask overlap, landmark error and regularity of every pair, on the fixed image's source grid.

    Args:
        cohort: Of pairs.
        bundle: Trained.
    """

    def __init__(self, cohort: Cohort, bundle: Bundle) -> None:
        self._cohort, self._registrar = cohort, Registrar(bundle)
        self._group_of = {case.case_id: case.group_id for case in cohort.cases}
        self.measures = RegistrationMeasures(
            has_masks=any(file.role == "fixed_mask" for file in cohort.files)
        )

    def judge(self, case_id: str, scratch: Path, answers: Path | None) -> list[dict[str, Any]]:
        """One row; the displacement is kept as `<case id>.nii.gz`."""
        item = bring_pair(self._cohort.files_of[case_id], scratch)
        displacement = self._registrar.predict_case(item).displacement
        if answers:
            displacement.save(_answer(answers, case_id))
        regular = regularity(displacement.voxels)
        return [
            {
                "case_id": case_id,
                "group_id": self._group_of[case_id],
                **_overlap(item, displacement),
                **_landmarks(item, displacement),
                "folded_share": regular.folded_share,
                "sd_log_jacobian": regular.sd_log_jacobian,
            }
        ]

    def extras(self) -> Mapping[str, Any]:
        """Nothing more."""
        return {}

    def draw(self, case_id: str, rows: Rows, answers: Path, scratch: Path, path: Path) -> str:
        """Both images over each other, before and after."""
        item = bring_pair(self._cohort.files_of[case_id], scratch)
        displacement = Displacement.load(_answer(answers, case_id))
        fixed, moving = _voxels(item["fixed"]), _voxels(item["moving"])
        draw_registration(path, fixed, moving, displacement.warp(moving), case_id, affine=displacement.affine)
        row = rows[0]
        found = [f"{row['folded_share']:.2%} of space folded"]
        if row["landmark_error_mm"] is not None:
            change = f"{row['landmark_error_before_mm']:.1f} to {row['landmark_error_mm']:.1f} mm"
            found.insert(0, f"landmark error {change}")
        if row["mask_dice"] is not None:
            found.insert(0, f"mask Dice {row['mask_dice_before']:.3f} to {row['mask_dice']:.3f}")
        return ", ".join(found)


def _overlap(item: Item, displacement: Displacement) -> dict[str, float | None]:
    names = ("mask_dice", "mask_dice_before", "mask_dice_gain")
    if "fixed_mask" not in item:
        return dict.fromkeys(names)
    fixed, moving = _voxels(item["fixed_mask"]).astype(bool), _voxels(item["moving_mask"]).astype(bool)
    before, after = dice(moving, fixed), dice(displacement.warp(moving, nearest=True) > 0, fixed)
    return dict(zip(names, (after, before, after - before), strict=True))


def _landmarks(item: Item, displacement: Displacement) -> dict[str, float | None]:
    names = ("landmark_error_mm", "landmark_error_before_mm", "landmark_gain_mm")
    if "fixed_keypoints" not in item:
        return dict.fromkeys(names)
    errors = landmark_errors(
        read_keypoints(item["fixed_keypoints"]),
        read_keypoints(item["moving_keypoints"]),
        displacement.voxels,
        spacing_mm=[float(size) for size in voxel_sizes(displacement.affine)],
    )
    before, after = errors.mean_before_mm, errors.mean_after_mm
    return dict(zip(names, (after, before, before - after), strict=True))


def _voxels(path: Path) -> NDArray[np.generic]:
    return np.asanyarray(nibabel.load(path).dataobj)


def _answer(answers: Path, case_id: str) -> Path:
    """Where a case's displacement is kept."""
    return answers / f"{case_id}.nii.gz"
