"""B12: a volume of 1 x 128^3 float32 in a request of KServe's v2 protocol: as JSON numbers, as binary data, as a reference."""

from importlib.metadata import version
from typing import Any

import numpy as np
import orjson
from kserve import InferInput, InferRequest
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from numpy.typing import NDArray

from benchmarks.paired import compare
from medgantry.serving.data_plane import read_binary

SHAPE = (1, 128, 128, 128)
REFERENCE = "s3://imaging/blobs/" + "0" * 64 + ".nii.gz"
RUNS = 3
Body = tuple[bytes, int | None]
"""What is sent, and the length of its JSON part where more follows."""


def main() -> list[dict[str, Any]]:
    """Rows; void, by an error, when what is decoded differs."""
    volume = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    sent: dict[str, Body] = {}

    def as_json() -> None:
        sent["json"] = _encoded(_request(volume, binary=False))
        assert np.array_equal(_decoded(sent["json"]), volume)

    def as_binary() -> None:
        sent["binary"] = _encoded(_request(volume, binary=True))
        assert np.array_equal(_decoded(sent["binary"]), volume)

    def as_binary_here() -> None:
        sent["binary"] = _encoded(_request(volume, binary=True))
        body, length = sent["binary"]
        (tensor,) = read_binary(memoryview(body), length or 0, "model").inputs
        assert np.array_equal(tensor.as_numpy(), volume)

    def as_reference() -> None:
        tensor = InferInput("image", [1], "BYTES", [REFERENCE])
        sent["reference"] = _encoded(InferRequest("model", [tensor]))
        assert _request_of(sent["reference"]).inputs[0].data == [REFERENCE]

    rows = []
    for name, way, work in (
        ("binary data, read by KServe's classes", "binary", as_binary),
        ("binary data, read by our server", "binary", as_binary_here),
        ("object reference, the object not fetched", "reference", as_reference),
    ):
        row = compare(
            f"B12 request with 1 x 128^3 float32, encoded and decoded: {name}",
            f"KServe {version('kserve')}, JSON numbers",
            work,
            as_json,
            runs=RUNS,
        )
        sizes = {"ours": len(sent[way][0]), "peer": len(sent["json"][0])}
        rows.append(row | {"bytes": sizes, "bytes_ratio": sizes["peer"] / sizes["ours"]})
    return rows


def _request(volume: NDArray[np.float32], *, binary: bool) -> InferRequest:
    tensor = InferInput("image", list(volume.shape), "FP32")
    tensor.set_data_from_numpy(volume, binary_data=binary)
    return InferRequest("model", [tensor])


def _encoded(request: InferRequest) -> Body:
    """As KServe's client sends it."""
    body, length = request.to_rest()
    return (body if isinstance(body, bytes) else orjson.dumps(body)), length


def _request_of(body: Body) -> InferRequest:
    """As KServe's server reads it."""
    if body[1] is None:
        return InferRequest.from_inference_request(InferenceRequest.model_validate_json(body[0]), "model")
    return InferRequest.from_bytes(body[0], body[1], "model")


def _decoded(body: Body) -> NDArray[np.generic]:
    return np.asarray(_request_of(body).inputs[0].as_numpy())
