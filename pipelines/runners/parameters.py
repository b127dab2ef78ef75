"""Pipeline parameters from the command line, and what kfp.local would get silently wrong."""

import json
from collections.abc import Sequence
from typing import Any

from kfp.dsl.base_component import BaseComponent

from medgantry.errors import InvalidInput
from medgantry.parameters import json_object

MAX_ARGUMENT_BYTES = 100_000
"""An argument above 128 KiB cannot be passed to a process (Linux MAX_ARG_STRLEN)."""


def parse_parameters(pipeline: BaseComponent, settings: list[str]) -> dict[str, Any]:
    """Typed values of `key=value` settings.

    Raises:
        InvalidInput: For an unknown or missing parameter, a wrong type, or a value kfp.local would change.
    """
    inputs = pipeline.component_spec.inputs or {}
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in inputs:
            raise InvalidInput(f"{setting!r} sets no parameter.", f"Known are: {', '.join(sorted(inputs))}.")
        values[name] = _convert(name, inputs[name].type, text)
    missing = sorted(name for name, spec in inputs.items() if not spec.optional and name not in values)
    if missing:
        raise InvalidInput(
            f"{pipeline.name} needs {missing}.", " ".join(f"-p {name}=..." for name in missing)
        )
    for name, value in values.items():
        check_text(name, str(value))
    return values


def check_text(name: str, text: str) -> None:
    """Refuse text that kfp.local rewrites or cannot pass.

    Raises:
        InvalidInput: Saying what would have happened.
    """
    if "python3" in text:
        raise InvalidInput(
            f"{name} holds 'python3' ({text!r}), which kfp.local replaces by the interpreter's path.",
            "Use a path without it, for instance through a symbolic link.",
        )
    if "{{$" in text:
        raise InvalidInput(f"{name} holds '{{{{$', which KFP takes for a placeholder.", "Remove it.")
    if len(text.encode()) > MAX_ARGUMENT_BYTES:
        raise InvalidInput(
            f"{name} is {len(text.encode())} bytes long, at most {MAX_ARGUMENT_BYTES} can travel."
        )


def _convert(name: str, kind: str, text: str) -> Any:
    try:
        if kind == "Integer":
            return int(text)
        if kind == "Float":
            return float(text)
        if kind == "Boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError) as error:
        raise InvalidInput(f"{name} must be of type {kind}, got {text!r}.") from error
    return text


def with_profile(settings: Sequence[str], steps: int) -> list[str]:
    """Settings whose `train_options` ask for a profiler's trace of so many steps."""
    name = "train_options="
    others = [setting for setting in settings if not setting.startswith(name)]
    given = [setting.removeprefix(name) for setting in settings if setting.startswith(name)]
    options = json_object("train_options", given[-1] if given else "") | {"profile": steps}
    return [*others, name + json.dumps(options)]
