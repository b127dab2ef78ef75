"""What a bundle says about one case, whatever its task: files on the case's grid, and rows of measurements."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.bundles.pair_files import bring_pair
from medgantry.cohort import File
from medgantry.inference import Classifier, Segmenter
from medgantry.inference.label_map import labels_to_region
from medgantry.inference.registrar import Registrar
from medgantry.millilitres import voxel_millilitres

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Of one case."""

    rows: Sequence[Row]
    """Of the measurement table, without the case's name."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Role -> NIfTI file."""


class Predictor(Protocol):
    """A bundle, ready to predict."""

    def predict(self, files: Sequence[File], scratch: Path) -> Answer:
        """Predict one case.

        Args:
            files: Those of the case that the network sees.
            scratch: A folder for what is fetched and written.
        """


def open_predictor(bundle: Bundle) -> Predictor:
    """The predictor of the bundle's task.

    Raises:
        InvalidBundle: If the bundle can't predict.
    """
    kinds: Mapping[str, Callable[[Bundle], Predictor]] = {
        "segmentation": _Segmentation,
        "classification": _Classification,
        "registration": _Registration,
    }
    return kinds[bundle.task](bundle)


class _Segmentation:
    """A label map, how unsure several networks are, and each region's volume."""

    def __init__(self, bundle: Bundle) -> None:
        self._model = Segmenter(bundle)

    def predict(self, files: Sequence[File], scratch: Path) -> Answer:
        found = self._model.predict_case(bring_case(files, self._model.bundle, scratch))
        written = {"prediction": scratch / "prediction.nii.gz"}
        found.save(written["prediction"])
        if found.uncertainty is not None:
            written["uncertainty"] = scratch / "uncertainty.nii.gz"
            found.save_uncertainty(written["uncertainty"])
        millilitres = voxel_millilitres(found.header.get_best_affine())
        rows = []
        for name in self._model.bundle.outputs:
            voxels = int(np.count_nonzero(labels_to_region(found.labels, self._model.regions[name])))
            rows.append({"region": name, "voxels": voxels, "volume_ml": voxels * millilitres})
        return Answer(rows=rows, files=written)


class _Classification:
    """The most probable class, and all probabilities."""

    def __init__(self, bundle: Bundle) -> None:
        self._model = Classifier(bundle)

    def predict(self, files: Sequence[File], scratch: Path) -> Answer:
        found = self._model.predict_case(bring_case(files, self._model.bundle, scratch))
        shares = zip(found.classes, found.probabilities, strict=True)
        return Answer(
            rows=[{"predicted": found.answer, **{f"probability {name}": share for name, share in shares}}]
        )


class _Registration:
    """The displacement field, the warped image, and how far voxels are moved."""

    def __init__(self, bundle: Bundle) -> None:
        self._model = Registrar(bundle)

    def predict(self, files: Sequence[File], scratch: Path) -> Answer:
        found = self._model.predict_case(bring_pair(files, scratch))
        written = {role: scratch / f"{role}.nii.gz" for role in ("displacement", "warped")}
        found.save(written["displacement"], written["warped"])
        lengths = np.linalg.norm(found.displacement.millimetres, axis=0)
        row = {"mean_displacement_mm": float(lengths.mean()), "max_displacement_mm": float(lengths.max())}
        return Answer(rows=[row], files=written)
