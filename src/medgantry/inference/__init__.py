"""One way from source files to a label map on the source grid, for evaluation, batch and serving."""

from medgantry.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
