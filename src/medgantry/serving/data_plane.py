"""KServe's reading of requests, and what it does not read: binary data that is no text."""

import json
import struct
from base64 import b64encode
from typing import Any

from kserve import InferRequest
from kserve.errors import InvalidInput as BadRequest
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import deserialize_bytes_tensor

_JSON_LENGTH = "inference-header-content-length"


class BinaryDataPlane(DataPlane):  # type: ignore[misc]
    """Takes binary tensors of datatype BYTES that are no UTF-8, which KServe 0.21 refuses and an image never is.

    Their items become base64 text, as a request without binary data would hold them.
    """

    def decode_inference_request(self, body: Any, headers: dict[str, str], model_name: str) -> InferRequest:
        """What came, as a request."""
        length = headers.get(_JSON_LENGTH)
        if isinstance(body, bytes) and length is not None:
            try:
                body, size = _as_text(body, int(length))
            except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
                raise BadRequest(f"The request's binary data are not as its header says: {error}.") from error
            headers = {**headers, _JSON_LENGTH: str(size)}
        return super().decode_inference_request(body, headers, model_name)


def _as_text(body: bytes, length: int) -> tuple[bytes, int]:
    """The request with such tensors in its JSON part, and how long that is."""
    head: dict[str, Any] = json.loads(body[:length])
    offset, kept = length, b""
    for tensor in head["inputs"]:
        parameters = tensor.get("parameters") or {}
        if "binary_data_size" not in parameters:
            continue
        part = body[offset : offset + int(parameters["binary_data_size"])]
        offset += len(part)
        items = deserialize_bytes_tensor(part) if tensor["datatype"] == "BYTES" else []
        if all(_is_text(item) for item in items):
            kept += part
            continue
        tensor["data"] = [b64encode(item).decode() for item in items]
        del parameters["binary_data_size"]
    text = json.dumps(head).encode()
    return text + kept, len(text)


def _is_text(item: bytes) -> bool:
    try:
        item.decode()
    except UnicodeDecodeError:
        return False
    return True
