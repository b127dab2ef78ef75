"""How MLflow loads a registered bundle: `mlflow.pyfunc.load_model("models:/<name>@champion")`, no pickle."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas

from medgantry.bundles import Bundle
from medgantry.cohort import PAIR
from medgantry.inference import Classifier, Segmenter
from medgantry.inference.registrar import Registrar


class BundleModel:
    """A bundle behind MLflow's `predict`."""

    def __init__(self, folder: Path) -> None:
        bundle = Bundle(folder)
        self._channels = bundle.input_channels
        kinds = {"classification": Classifier, "registration": Registrar}
        self._model: Classifier | Registrar | Segmenter = kinds.get(bundle.task, Segmenter)(bundle)

    def predict(self, table: Any, params: Any = None) -> Any:
        """Predict a table of cases.

        Args:
            table: A data frame; a column per channel name with paths of 3-D files or photos, or one column `image`
                with paths of 4-D files in the bundle's channel order, or of photos. Registration: `fixed` and `moving`.
            params: Unused; MLflow passes it.

        Returns:
            Segmentation: paths of the label maps, on the grids of their sources. Classification: a data frame with a
            column per class that holds its calibrated probability. Registration: paths of the displacements in mm, on the
            fixed images' grids.
        """
        rows = table.to_dict("records")
        if isinstance(self._model, Classifier):
            found = [self._model.predict_case(self._item(row)) for row in rows]
            classes = self._model.bundle.outputs
            return pandas.DataFrame([list(one.probabilities) for one in found], columns=classes)
        folder = Path(mkdtemp(prefix="medgantry-predictions-"))
        paths = [folder / f"{index:05d}.nii.gz" for index in range(len(rows))]
        for row, path in zip(rows, paths, strict=True):
            if isinstance(self._model, Registrar):
                pair = {name: Path(row[name]) for name in PAIR}
                self._model.predict_case(pair).displacement.save(path)
            else:
                self._model.predict_case(self._item(row)).save(path)
        return [str(path) for path in paths]

    def _item(self, row: Mapping[str, str]) -> dict[str, Path | list[Path]]:
        return {
            "image": Path(row["image"]) if "image" in row else [Path(row[name]) for name in self._channels]
        }


def _load_pyfunc(data_path: str) -> BundleModel:
    return BundleModel(Path(data_path))
