"""A classification's answers: every class with its calibrated probability."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_file
from medgantry.inference import Classifier
from medgantry.ingest.photos.image import read_photo
from medgantry.ingest.photos.png_file import encode_png
from medgantry.ledger import Unusable
from medgantry.monitoring.case_statistics import CaseStatistics, photo_statistics
from medgantry.serving.exchange import Answer, Answered, Asked, Described, Given
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.volumes import observe, receive_volume
from medgantry.serving.refusals import TooLarge
from medgantry.stages import stage

PHOTO = "image"
"""The input's name where it is a photo."""
_COLOUR = "RGB"
_Item = dict[str, Path | list[Path]]
_Seen = Callable[[], dict[str, Any]]


class ClassificationAnswers:
    """Answers of a bundle that classifies photos or volumes.

    A photo is read as ingest reads photos, so that the same photo gives what evaluation gave. Outputs: `class` (the most
    probable), `classes` (names) and `probabilities` (FP64, calibrated, in their order).

    Args:
        bundle: With weights.
        receiver: Brings what requests hold.
    """

    def __init__(self, bundle: Bundle, receiver: Receiver) -> None:
        self._model, self._receiver = Classifier(bundle), receiver
        count = len(bundle.outputs)
        self._photos = bundle.input_channels == [_COLOUR]
        names = [PHOTO] if self._photos else bundle.input_channels
        self.inputs = [Described(name=name, datatype="BYTES", shape=[1]) for name in names]
        self.outputs = [
            Described(name="class", datatype="BYTES", shape=[1]),
            Described(name="classes", datatype="BYTES", shape=[count]),
            Described(name="probabilities", datatype="FP64", shape=[count]),
        ]

    @property
    def names(self) -> list[str]:
        """Channels and classes."""
        return [*(each.name for each in self.inputs), *self._model.bundle.outputs]

    def answer(self, asked: Asked, wanted: Sequence[str], scratch: Path) -> Answered:
        """Classify one case."""
        with stage("read"):
            item, seen = (
                self._photo_item(asked, scratch) if self._photos else self._volume_item(asked, scratch)
            )
        found = self._model.predict_case(item)
        answer: Answer = {
            "class": [found.answer],
            "classes": list(found.classes),
            "probabilities": np.asarray(found.probabilities, dtype=np.float64),
        }
        probabilities = dict(zip(found.classes, found.probabilities, strict=True))
        return Answered(
            outputs={name: answer[name] for name in wanted},
            observe=lambda: {**seen(), "probabilities": probabilities},
        )

    def _photo_item(self, asked: Asked, scratch: Path) -> tuple[_Item, _Seen]:
        if len(asked.inputs) != 1:
            raise InvalidInput(f"One photo was wanted, found {len(asked.inputs)}.", "Ask for each alone.")
        path, pixels = self._photo(asked.inputs[0], scratch)

        def seen() -> dict[str, Any]:
            return {
                "inputs": [hash_file(path)],
                "statistics": CaseStatistics(channels=photo_statistics(pixels)),
            }

        return {"image": path}, seen

    def _volume_item(self, asked: Asked, scratch: Path) -> tuple[_Item, _Seen]:
        given = asked.by_name([each.name for each in self.inputs])
        received = [receive_volume(each, self._receiver, scratch) for each in given.values()]
        item = bring_case([each.file for each in received], self._model.bundle, scratch)
        return item, lambda: observe(received)

    def _photo(self, given: Given, scratch: Path) -> tuple[Path, NDArray[np.uint8]]:
        item = given.single()
        if not isinstance(item, bytes | str):
            raise InvalidInput("The photo must be of datatype BYTES, found a tensor.")
        content = self._receiver.receive(item, scratch / "photo")
        if content.kind != "photo":
            raise InvalidInput("A JPEG or PNG was wanted, found a volume.")
        size, most = content.path.stat().st_size, self._receiver.limits.request_bytes
        if size > most:  # it is read whole, wherever it came from
            raise TooLarge(f"A photo of {size} bytes was given, at most {most} are taken.")
        try:
            pixels, _ = read_photo(content.path.name, content.path.read_bytes())
        except Unusable as verdict:
            raise InvalidInput(f"{verdict.rule}: {verdict.evidence}.", verdict.remedy) from verdict
        path = scratch / "photo.png"
        path.write_bytes(encode_png(pixels))
        return path, pixels
