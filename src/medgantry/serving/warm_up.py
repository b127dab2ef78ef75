"""The first request, which a server asks itself before it says that it is ready."""

import logging
from pathlib import Path

import nibabel
import numpy as np

from medgantry.errors import MedgantryError
from medgantry.ingest.photos.png_file import encode_png
from medgantry.registry.golden import FOLDER, Golden, GoldenInput, has_golden
from medgantry.serving.answers.classification import PHOTO
from medgantry.serving.exchange import Answers, Asked, Given, wanted_outputs

_LOG = logging.getLogger(__name__)
_SIZE = 64


def warm_up(answers: Answers, folder: Path, scratch: Path) -> None:
    """Answer the golden case that travels with the model, or else a volume of noise.

    Args:
        answers: The model's.
        folder: The served copy.
        scratch: For files.

    Raises:
        MedgantryError: If the golden case cannot be answered; noise may be nothing that the model takes.
    """
    golden = has_golden(folder)
    asked = _golden(folder) if golden else _noise(answers)
    if not asked.inputs:
        return
    try:
        answers.answer(asked, wanted_outputs(asked, answers), scratch)
    except Exception as error:
        if golden:
            raise
        told = str(error) if isinstance(error, MedgantryError) else type(error).__name__
        _LOG.warning("No warm-up, the first request will be slower: %s", told)


def _golden(folder: Path) -> Asked:
    golden = Golden.open(folder / FOLDER)
    return Asked(inputs=[_given(each, folder / FOLDER) for each in golden.inputs])


def _given(each: GoldenInput, folder: Path) -> Given:
    if each.file:
        content = (folder / each.file).read_bytes()
        return Given(name=each.name, values=[content], parameters={"channel_index": each.channel_index})
    return Given(name=each.name, values=each.sent)


def _noise(answers: Answers) -> Asked:
    """A volume of each channel, of 1 mm voxels, or a photo; nothing for a model of features."""
    if any(each.datatype != "BYTES" or list(each.shape) != [1] for each in answers.inputs):
        return Asked(inputs=[])
    random = np.random.default_rng(0)
    given = []
    for each in answers.inputs:
        if each.name == PHOTO and len(answers.inputs) == 1:
            photo = encode_png(random.integers(0, 255, (_SIZE, _SIZE, 3), dtype=np.uint8))
            return Asked(inputs=[Given(name=PHOTO, values=[photo])])
        voxels = random.integers(0, 255, (_SIZE,) * 3, dtype=np.int16)
        given.append(Given(name=each.name, values=[nibabel.Nifti1Image(voxels, np.eye(4)).to_bytes()]))
    return Asked(inputs=given)
