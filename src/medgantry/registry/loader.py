"""How MLflow loads a registered bundle: `mlflow.pyfunc.load_model("models:/<name>@champion")`, no pickle."""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from medgantry.bundles import Bundle
from medgantry.inference import Predictor


class BundleModel:
    """A bundle behind MLflow's `predict`."""

    def __init__(self, folder: Path) -> None:
        self._predictor = Predictor(Bundle(folder))

    def predict(self, table: Any, params: Any = None) -> list[str]:
        """Predict a table of cases.

        Args:
            table: A data frame; a column per channel name with paths of 3-D files, or one column `image` with
                paths of 4-D files in the bundle's channel order.
            params: Unused; MLflow passes it.

        Returns:
            Paths of the label maps, on the grids of their sources.
        """
        folder = Path(mkdtemp(prefix="medgantry-predictions-"))
        paths = []
        for index, row in enumerate(table.to_dict("records")):
            channels = self._predictor.bundle.input_channels
            item = {"image": Path(row["image"]) if "image" in row else [Path(row[name]) for name in channels]}
            path = folder / f"{index:05d}.nii.gz"
            self._predictor.predict_case(item).save(path)
            paths.append(str(path))
        return paths


def _load_pyfunc(data_path: str) -> BundleModel:
    return BundleModel(Path(data_path))
