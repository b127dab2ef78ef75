"""Requests with photos: a JPEG or PNG in, class names with calibrated probabilities out."""

import base64
import binascii
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kserve import InferOutput, InferRequest

from medgantry.bundles import Bundle
from medgantry.errors import InvalidInput
from medgantry.inference import Classification, Classifier
from medgantry.ingest.photos.image import read_photo
from medgantry.ingest.photos.png_file import encode_png
from medgantry.ledger import Unusable
from medgantry.serving.request_uri import locate_object

_MOST_BYTES = 64 * 2**20
"""Of one encoded photo."""
_STARTS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG\r\n\x1a\n": ".png"}
"""How files of the kinds that are taken begin."""


class PhotoAnswers:
    """A classification bundle's answers.

    One input, datatype BYTES: the file itself (binary data), its base64 text, or an `s3://` URI. It is read as ingest
    reads photos, so that the same photo gives what evaluation gave. Outputs: `class` (the most probable), `classes`
    (names) and `probabilities` (calibrated, in their order).
    """

    def __init__(self, bundle: Bundle) -> None:
        self._model = Classifier(bundle)

    def inputs(self) -> list[dict[str, Any]]:
        """The photo."""
        return [{"name": "image", "datatype": "BYTES", "shape": [1]}]

    def outputs(self) -> list[dict[str, Any]]:
        """The answer, and every class with its probability."""
        count = len(self._model.bundle.outputs)
        return [
            {"name": "class", "datatype": "BYTES", "shape": [1]},
            {"name": "classes", "datatype": "BYTES", "shape": [count]},
            {"name": "probabilities", "datatype": "FP64", "shape": [count]},
        ]

    def answer(self, request: InferRequest) -> list[InferOutput]:
        """Predict one photo, asked for by the Open Inference Protocol v2."""
        if len(request.inputs) != 1 or len(request.inputs[0].data) != 1:
            raise InvalidInput(
                f"One photo was wanted, found {sum(len(each.data) for each in request.inputs)}.",
                "Ask for each alone.",
            )
        found = self.classify(request.inputs[0].data[0])
        count = len(found.classes)
        return [
            InferOutput(name="class", shape=[1], datatype="BYTES", data=[found.answer]),
            InferOutput(name="classes", shape=[count], datatype="BYTES", data=list(found.classes)),
            InferOutput(name="probabilities", shape=[count], datatype="FP64", data=list(found.probabilities)),
        ]

    def answer_v1(self, request: dict[str, Any]) -> dict[str, Any]:
        """Predict photos, asked for by protocol v1: `{"instances": [{"b64": "..."}]}`."""
        instances = request.get("instances")
        if not isinstance(instances, list) or not all(isinstance(i, dict) and "b64" in i for i in instances):
            raise InvalidInput('Wanted {"instances": [{"b64": "<base64 of a JPEG or PNG>"}, ...]}.')
        found = [self.classify(str(instance["b64"])) for instance in instances]
        return {
            "predictions": [
                {"class": one.answer, "probabilities": dict(zip(one.classes, one.probabilities, strict=True))}
                for one in found
            ]
        }

    def classify(self, value: bytes | str) -> Classification:
        """Predict one photo.

        Raises:
            InvalidInput: If it is none.
        """
        if not isinstance(value, bytes | str):
            raise InvalidInput(f"The photo must be of datatype BYTES, found a {type(value).__name__}.")
        data = _content(value)
        suffix = next((suffix for start, suffix in _STARTS.items() if data.startswith(start)), None)
        if suffix is None:
            raise InvalidInput(
                f"A JPEG or PNG was wanted; the photo begins with {data[:8].hex() or 'nothing'}."
            )
        try:
            pixels, _ = read_photo(f"photo{suffix}", data)
        except Unusable as verdict:
            raise InvalidInput(f"{verdict.rule}: {verdict.evidence}.", verdict.remedy) from verdict
        with TemporaryDirectory(prefix="medgantry-request-") as scratch:
            path = Path(scratch) / "photo.png"
            path.write_bytes(encode_png(pixels))
            return self._model.predict_case({"image": path})


def _content(value: bytes | str) -> bytes:
    """The file's bytes."""
    text = value if isinstance(value, str) else _as_text(value)
    if text is None:
        assert isinstance(value, bytes)
        data = value
    elif "://" in text[:16]:
        store, key = locate_object(text)
        _check_size(store.stat(key).size)
        data = store.get_bytes(key)
    else:
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInput(
                "The photo must be the file itself, its base64 text, or an s3:// URI; found other text."
            ) from error
    _check_size(len(data))
    return data


def _check_size(size: int) -> None:
    if size > _MOST_BYTES:
        raise InvalidInput(f"The photo has {size} bytes, at most {_MOST_BYTES} are taken.")


def _as_text(value: bytes) -> str | None:
    """Bytes that are text; None for an image, which never is."""
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        return None
