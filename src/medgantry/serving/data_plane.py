"""KServe's reading of requests with binary data, which makes lists of Python numbers of them and takes no files."""

from typing import Any

import orjson
from kserve import InferInput, InferRequest
from kserve.errors import InvalidInput as BadRequest
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import RequestedOutput

_JSON_LENGTH = "inference-header-content-length"


class BinaryDataPlane(DataPlane):  # type: ignore[misc]
    """Leaves binary tensors as they came.

    KServe 0.21 turns them into lists, item by item, and refuses those of datatype BYTES that are no UTF-8, which an image
    never is.
    """

    def decode_inference_request(self, body: Any, headers: dict[str, str], model_name: str) -> InferRequest:
        """What came, as a request."""
        length = headers.get(_JSON_LENGTH)
        if not isinstance(body, bytes) or length is None:
            return super().decode_inference_request(body, headers, model_name)
        try:
            return read_binary(memoryview(body), int(length), model_name)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise BadRequest(f"The request's binary data are not as its header says: {error}.") from error


def read_binary(body: memoryview, length: int, model_name: str) -> InferRequest:
    """A request whose binary tensors stay as they came.

    Args:
        body: The JSON part, then the tensors.
        length: Of the JSON part.
        model_name: The model that is asked.

    Raises:
        ValueError: If the tensors are not as the JSON part says; likewise TypeError, LookupError and AttributeError.
    """
    head: dict[str, Any] = orjson.loads(body[:length])
    offset, inputs = length, []
    for tensor in head["inputs"]:
        parameters = dict(tensor.get("parameters") or {})
        made = InferInput(
            name=str(tensor["name"]),
            shape=[int(size) for size in tensor["shape"]],
            datatype=str(tensor["datatype"]),
            data=tensor.get("data"),
            parameters=parameters,
        )
        if "binary_data_size" in parameters:
            size = int(parameters["binary_data_size"])
            if not 0 <= size <= len(body) - offset:
                raise ValueError(
                    f"input {made.name!r} should have {size} bytes, {len(body) - offset} are left"
                )
            made._raw_data = bytes(body[offset : offset + size])
            offset += size
        inputs.append(made)
    outputs = [RequestedOutput(str(one["name"]), one.get("parameters")) for one in head.get("outputs") or ()]
    return InferRequest(
        model_name=model_name,
        request_id=head.get("id"),
        parameters=head.get("parameters"),
        infer_inputs=inputs,
        request_outputs=outputs or None,
    )
