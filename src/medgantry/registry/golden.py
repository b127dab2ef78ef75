"""The `Golden` noun: a request that travels with a model, and the answer that it must give.

golden.json   schema, the request's inputs, and what its outputs must be
*             files of inputs and outputs, uncompressed
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medgantry.documents import read_document, write_document

FOLDER = "golden"
"""Inside a model's folder."""
SCHEMA_NAME = "medgantry/golden/1"
_FILE = "golden.json"


@dataclass(frozen=True, kw_only=True)
class GoldenInput:
    """An input of the request: a file, or the values of a feature."""

    name: str
    file: str = ""
    """Below the golden folder."""
    channel_index: int = -1
    """On the file's last axis; -1 for a file of one channel."""
    values: Sequence[float | str | None] = field(default_factory=list)
    """None for what is not known."""

    @property
    def sent(self) -> NDArray[np.float64] | list[str]:
        """The values as a request has them: numbers if all are, else texts, empty for what is not known."""
        if all(isinstance(value, float) for value in self.values):
            return np.array(self.values, dtype=np.float64)
        return [str(value or "") for value in self.values]


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A request and its answer."""

    case_id: str
    inputs: Sequence[GoldenInput]
    values: Mapping[str, Sequence[float | str]]
    """Output -> its numbers or texts, in order."""
    files: Mapping[str, str]
    """Output -> NIfTI file below the golden folder."""

    def save(self, folder: Path) -> None:
        """Write `golden.json` beside the files."""
        write_document(folder / _FILE, SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "Golden":
        """Read a golden folder.

        Raises:
            InvalidInput: If the folder holds no golden case of this schema.
        """
        document = read_document(folder / _FILE, SCHEMA_NAME)
        inputs = [GoldenInput(**each) for each in document.pop("inputs")]
        return cls(inputs=inputs, **document)


def has_golden(model_folder: Path) -> bool:
    """Whether a golden case travels with a model."""
    return (model_folder / FOLDER / _FILE).is_file()
