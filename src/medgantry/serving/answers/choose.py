"""Which answers a served folder gives."""

from pathlib import Path

from medgantry.bundles import Bundle
from medgantry.serving.answers.classification import ClassificationAnswers
from medgantry.serving.answers.registration import RegistrationAnswers
from medgantry.serving.answers.segmentation import SegmentationAnswers
from medgantry.serving.answers.survival import SurvivalAnswers
from medgantry.serving.exchange import Answers
from medgantry.serving.incoming.content import Receiver
from medgantry.survival.model import SurvivalModel


def answers_of(folder: Path, receiver: Receiver) -> Answers:
    """The answers of the model in a folder: a bundle, or a survival model.

    Raises:
        InvalidBundle: If it is neither, or lacks something.
    """
    if (folder / "model.json").is_file():
        return SurvivalAnswers(SurvivalModel.open(folder))
    bundle = Bundle(folder)
    if bundle.task == "classification":
        return ClassificationAnswers(bundle, receiver)
    if bundle.task == "registration":
        return RegistrationAnswers(bundle, receiver)
    return SegmentationAnswers(bundle, receiver)
