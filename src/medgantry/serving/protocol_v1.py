"""Requests and answers as KServe's protocol v1 has them: `:predict`."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medgantry.errors import InvalidInput
from medgantry.serving.exchange import Answer, Answers, Asked, FileAnswer, Given

_WANTED = (
    'Wanted {"instances": [{"<input>": {"b64": "<base64 of a file>"} or "<reference>" or a number, ...}, ...]}; '
    'a model of one input takes {"b64": ...} itself.'
)


def read_requests(body: Mapping[str, Any], answers: Answers) -> list[Asked]:
    """What each instance asks for; the usual outputs, of which files are left out where there are others.

    Raises:
        InvalidInput: If the body is not of this form.
    """
    instances = body.get("instances")
    if not isinstance(instances, list) or not instances or not all(isinstance(i, dict) for i in instances):
        raise InvalidInput(_WANTED)
    names = [each.name for each in answers.inputs]
    return [Asked(inputs=[_given(*pair) for pair in _named(one, names)]) for one in instances]


def _named(instance: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, Any]]:
    if set(instance) == {"b64"}:
        if len(names) != 1:
            raise InvalidInput(f"The inputs {names} were wanted by name, found one file.")
        return [(names[0], instance)]
    return list(instance.items())


def _given(name: str, value: Any) -> Given:
    if isinstance(value, Mapping) and isinstance(value.get("b64"), str):
        return Given(name=name, values=[value["b64"]])
    if isinstance(value, str):
        return Given(name=name, values=[value])
    if value is None or isinstance(value, int | float):
        return Given(name=name, values=np.asarray([np.nan if value is None else value], dtype=np.float64))
    raise InvalidInput(_WANTED)


def write_answer(answer: Answer) -> dict[str, Any]:
    """One prediction; classes come with their probabilities."""
    if "classes" in answer and "probabilities" in answer:
        pairs = zip(answer["classes"], answer["probabilities"], strict=True)  # type: ignore[arg-type]
        return {"class": answer["class"][0], "probabilities": {name: float(value) for name, value in pairs}}  # type: ignore[index]
    return {name: _plain(value) for name, value in answer.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, FileAnswer):
        return [{"b64": base64.b64encode(path.read_bytes()).decode()} for path in value.paths]
    return value.tolist() if isinstance(value, np.ndarray) else list(value)
