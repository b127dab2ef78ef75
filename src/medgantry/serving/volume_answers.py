"""Requests with volumes: one URI per channel in, a label map out."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kserve import InferOutput, InferRequest

from medgantry.bundles import Bundle
from medgantry.bundles.case_files import bring_case
from medgantry.cohort import File
from medgantry.fingerprint import hash_file
from medgantry.inference import Segmenter
from medgantry.serving.request_uri import locate_object


class VolumeAnswers:
    """A segmentation bundle's answers.

    One input per channel, named as the channel, datatype BYTES, holding the URI of its file; a 4-D file's channel is
    chosen by the parameter `channel_index`. The output `label_map` comes inline, or, with the request parameter
    `output_uri`, is written there as NIfTI. An ensemble's uncertainty is written to the request parameter
    `uncertainty_uri`.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._model = Segmenter(bundle)

    def inputs(self) -> list[dict[str, Any]]:
        """One URI per channel."""
        channels = self._model.bundle.input_channels
        return [{"name": name, "datatype": "BYTES", "shape": [1]} for name in channels]

    def outputs(self) -> list[dict[str, Any]]:
        """A label map, or nothing but its URI."""
        return [{"name": "label_map", "datatype": "UINT8", "shape": [-1, -1, -1]}]

    def answer(self, request: InferRequest) -> list[InferOutput]:
        """Predict one case."""
        parameters = request.parameters or {}
        output_uri, uncertainty_uri = (
            str(parameters.get(name, "")) for name in ("output_uri", "uncertainty_uri")
        )
        with TemporaryDirectory(prefix="medgantry-request-") as name:
            scratch = Path(name)
            files = [_request_file(tensor, scratch) for tensor in request.inputs]
            item = bring_case(files, self._model.bundle, scratch)
            prediction = self._model.predict_case(item)
            if output_uri:
                _write(prediction.save, output_uri, scratch)
            if uncertainty_uri:
                _write(prediction.save_uncertainty, uncertainty_uri, scratch)
        if output_uri:
            return [InferOutput(name="label_map_uri", shape=[1], datatype="BYTES", data=[output_uri])]
        output = InferOutput(name="label_map", shape=list(prediction.labels.shape), datatype="UINT8")
        output.set_data_from_numpy(prediction.labels, binary_data=bool(request.use_binary_outputs))
        return [output]


def _request_file(tensor: Any, scratch: Path) -> File:
    """A request's input as a cohort's row; the file is fetched to know its hash."""
    value = tensor.data[0]
    uri = value.decode() if isinstance(value, bytes) else str(value)
    place = locate_object(uri)
    suffix = "nii.gz" if uri.endswith(".gz") else "nii"
    fetching = scratch / f"{abs(hash(uri))}.{suffix}"
    if not fetching.exists():
        place[0].download(place[1], fetching)
    sha256 = hash_file(fetching)
    target = scratch / f"{sha256}.{suffix}"
    if not target.exists():
        target.hardlink_to(fetching)
    return File(
        case_id="request",
        role="image",
        channel=tensor.name,
        channel_index=int((tensor.parameters or {}).get("channel_index", -1)),
        uri=uri,
        format=suffix,
        sha256=sha256,
        shape=(),
        spacing_mm=(),
        orientation="",
    )


def _write(save: Callable[[Path], None], uri: str, scratch: Path) -> None:
    place = locate_object(uri)
    path = scratch / "answer.nii.gz"
    save(path)
    place[0].put_file(place[1], path)
