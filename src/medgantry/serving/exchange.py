"""What is asked and answered, whatever protocol carries it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medgantry.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Given:
    """One input of a request."""

    name: str
    values: Sequence[bytes | str] | NDArray[Any]
    """Files, their base64 text, references or text; or numbers, in the tensor's shape."""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def single(self) -> bytes | str | NDArray[Any]:
        """The only item, or the tensor.

        Raises:
            InvalidInput: If there are several items, or it is neither a file nor text.
        """
        if isinstance(self.values, np.ndarray):
            return self.values
        if len(self.values) != 1:
            raise InvalidInput(
                f"Input {self.name!r} takes one item, found {len(self.values)}.", "Ask for each alone."
            )
        item = self.values[0]
        if not isinstance(item, bytes | str):
            raise InvalidInput(
                f"Input {self.name!r} must be of datatype BYTES, found a {type(item).__name__}."
            )
        return item


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request."""

    inputs: Sequence[Given]
    outputs: Sequence[str] = ()
    """Names of the outputs that are wanted; empty for the usual ones."""
    output_prefix: str = ""
    """`s3://bucket/prefix` below which files are written instead of being sent; empty to send them."""

    def by_name(self, wanted: Sequence[str]) -> dict[str, Given]:
        """The inputs by name.

        Raises:
            InvalidInput: If they are not those that are wanted.
        """
        found = [given.name for given in self.inputs]
        if sorted(found) != sorted(wanted):
            raise InvalidInput(f"The inputs {list(wanted)} were wanted, found {found}.")
        return {given.name: given for given in self.inputs}


@dataclass(frozen=True, kw_only=True)
class FileAnswer:
    """Files that an output holds, in scratch space of the request."""

    paths: Sequence[Path]


Answer = Mapping[str, NDArray[Any] | Sequence[str] | FileAnswer]
"""Output -> numbers, text, or files."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer, and what the request log may know of it."""

    outputs: Answer
    observe: Callable[[], Mapping[str, Any]]
    """Gives fields of a `monitoring.record.Record`, while the request's scratch space is there."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """An input or an output, as the model's metadata tell of it (Open Inference Protocol v2, model metadata)."""

    name: str
    datatype: str
    shape: Sequence[int]
    usual: bool = True
    """Whether an output is answered when none is asked for by name."""

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


class Answers(Protocol):
    """What a kind of model makes of requests."""

    @property
    def inputs(self) -> Sequence[Described]:
        """What a request holds."""

    @property
    def outputs(self) -> Sequence[Described]:
        """What an answer may hold."""

    @property
    def names(self) -> Sequence[str]:
        """Channels, features, categories (`feature=category`), classes and regions that are declared: no others are logged."""

    def answer(self, asked: Asked, wanted: Sequence[str], scratch: Path) -> Answered:
        """Answer one request.

        Args:
            asked: The request.
            wanted: Names of outputs, all of them in `outputs`.
            scratch: Folder for files.

        Raises:
            MedgantryError: If the request cannot be answered.
        """


def wanted_outputs(asked: Asked, answers: Answers) -> list[str]:
    """The outputs to make: those that are asked for, else the usual ones.

    Raises:
        InvalidInput: If there is no such output.
    """
    known = [output.name for output in answers.outputs]
    unknown = [name for name in asked.outputs if name not in known]
    if unknown:
        raise InvalidInput(f"The outputs are {known}; asked for were {unknown}.")
    return list(asked.outputs) or [output.name for output in answers.outputs if output.usual]
