"""How MLflow loads a registered bundle: `mlflow.pyfunc.load_model("models:/<name>@champion")`, no pickle."""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pandas

from medgantry.bundles import Bundle
from medgantry.inference import Classifier, Segmenter


class BundleModel:
    """A bundle behind MLflow's `predict`."""

    def __init__(self, folder: Path) -> None:
        bundle = Bundle(folder)
        self._channels = bundle.input_channels
        self._model = Classifier(bundle) if bundle.task == "classification" else Segmenter(bundle)

    def predict(self, table: Any, params: Any = None) -> Any:
        """Predict a table of cases.

        Args:
            table: A data frame; a column per channel name with paths of 3-D files or photos, or one column `image`
                with paths of 4-D files in the bundle's channel order, or of photos.
            params: Unused; MLflow passes it.

        Returns:
            Segmentation: paths of the label maps, on the grids of their sources. Classification: a data frame with a
            column per class that holds its calibrated probability.
        """
        items = [
            {"image": Path(row["image"]) if "image" in row else [Path(row[name]) for name in self._channels]}
            for row in table.to_dict("records")
        ]
        if isinstance(self._model, Classifier):
            found = [self._model.predict_case(item) for item in items]
            classes = self._model.bundle.outputs
            return pandas.DataFrame([list(one.probabilities) for one in found], columns=classes)
        folder = Path(mkdtemp(prefix="medgantry-predictions-"))
        paths = []
        for index, item in enumerate(items):
            path = folder / f"{index:05d}.nii.gz"
            self._model.predict_case(item).save(path)
            paths.append(str(path))
        return paths


def _load_pyfunc(data_path: str) -> BundleModel:
    return BundleModel(Path(data_path))
