"""Requests and answers as the Open Inference Protocol v2 has them, over REST and gRPC."""

import base64
from typing import Any

import numpy as np
from kserve import InferInput, InferOutput, InferRequest
from kserve.protocol.infer_type import to_http_parameters
from kserve.utils.numpy_codec import from_np_dtype

from medgantry.errors import InvalidInput
from medgantry.serving.exchange import Answer, Asked, FileAnswer, Given
from medgantry.serving.incoming.references import References

_PREFIX = "output_prefix"


def read_request(request: InferRequest) -> Asked:
    """What a request asks for.

    Raises:
        InvalidInput: If a tensor is not as its shape and datatype say.
    """
    parameters = to_http_parameters(request.parameters or {})
    return Asked(
        inputs=[_read_input(tensor) for tensor in request.inputs],
        outputs=[output.name for output in request.request_outputs or ()],
        output_prefix=str(parameters.get(_PREFIX, "")),
    )


def _read_input(tensor: InferInput) -> Given:
    try:
        values = tensor.as_numpy()
    except Exception as error:  # KServe and NumPy raise many kinds for data that are not what they claim
        raise InvalidInput(
            f"Input {tensor.name!r} does not hold {tensor.shape} items of {tensor.datatype}."
        ) from error
    items = list(values.reshape(-1)) if tensor.datatype == "BYTES" else values
    return Given(name=tensor.name, values=items, parameters=to_http_parameters(tensor.parameters or {}))


def write_answer(
    answer: Answer, asked: Asked, request: InferRequest, references: References
) -> list[InferOutput]:
    """An answer as outputs; files as they are, as base64 text where the protocol carries text, or as URIs.

    Args:
        answer: What was made.
        asked: What was asked for; with its `output_prefix`, files are written there.
        request: The same, for how it wants its data.
        references: Where files may be written.

    Raises:
        InvalidInput: If they may not.
    """
    binary = _binary_outputs(request)
    return [
        _file_output(name, value, asked, binary(name) or request.from_grpc, references)
        if isinstance(value, FileAnswer)
        else _plain_output(name, value, binary(name))
        for name, value in answer.items()
    ]


def _binary_outputs(request: InferRequest) -> Any:
    """Whether an output is to be binary: as the output says itself, else as the request says."""
    said = {output.name: output.binary_data for output in request.request_outputs or ()}

    def binary(name: str) -> bool:
        own = said.get(name)
        return bool(request.use_binary_outputs if own is None else own)

    # KServe's response looks at the requested outputs alone.
    for output in request.request_outputs or ():
        output.parameters = {**(output.parameters or {}), "binary_data": binary(output.name)}
    return binary


def _plain_output(name: str, value: Any, binary: bool) -> InferOutput:
    array = value if isinstance(value, np.ndarray) else np.array(list(value), dtype=np.object_)
    output = InferOutput(name=name, shape=list(array.shape), datatype=from_np_dtype(array.dtype))
    output.set_data_from_numpy(np.ascontiguousarray(array), binary_data=binary)
    return output


def _file_output(
    name: str, value: FileAnswer, asked: Asked, raw: bool, references: References
) -> InferOutput:
    if asked.output_prefix:
        uris = [references.put(asked.output_prefix, path.name, path) for path in value.paths]
        return InferOutput(
            name=name, shape=[len(uris)], datatype="BYTES", data=uris, parameters={"content": "uri"}
        )
    contents = [path.read_bytes() for path in value.paths]
    if raw:
        output = InferOutput(
            name=name, shape=[len(contents)], datatype="BYTES", parameters={"content": "file"}
        )
        output.set_data_from_numpy(np.array(contents, dtype=np.object_), binary_data=True)
        return output
    texts = [base64.b64encode(content).decode() for content in contents]
    return InferOutput(
        name=name, shape=[len(texts)], datatype="BYTES", data=texts, parameters={"content": "base64"}
    )
