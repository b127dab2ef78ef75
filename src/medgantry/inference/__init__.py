"""One way from source files to an answer, for evaluation, batch and serving."""

from medgantry.inference.classifier import Classification, Classifier
from medgantry.inference.segmenter import Segmentation, Segmenter

__all__ = ["Classification", "Classifier", "Segmentation", "Segmenter"]
