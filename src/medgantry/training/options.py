"""How to train, where the bundle does not say it: what the parameter `train_options` may hold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from medgantry.errors import InvalidInput
from medgantry.parameters import json_object


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options of a training.

    Raises:
        InvalidInput: If a value is out of range.
    """

    precision: str = ""
    """`fp32`, `bf16` or `fp16`; empty for what the bundle's `amp` says."""
    deterministic: bool = False
    """Algorithms that repeat bit for bit, or an error; slower on a GPU."""
    cache: str = "none"
    """One of `loading.caching.MODES`."""
    cached_cases: int = 0
    """Of `smart`."""
    replace_rate: float = 0.0
    """Of `smart`: share of the cached cases that is replaced after an epoch."""
    cache_gib: float = 0.0
    """Room for shards on a node where it is less than the data: cases are then shuffled in windows that fit. 0 for all."""
    loader_threads: int = 2
    """That read and transform ahead, of every rank."""
    patience: int = 0
    """Epochs without a gain in the validation metric after which training ends; 0 for none."""
    min_delta: float = 0.0
    """What counts as a gain."""
    trace_augmentation: Sequence[str] = ()
    """Case ids whose random transforms are written down, with the parameters drawn."""
    profile: int = 0
    """Steps to write a profiler's trace of; 0 for none."""
    tensorboard: bool = False
    """Whether the curves are written for TensorBoard too."""

    def __post_init__(self) -> None:
        for name in ("cached_cases", "replace_rate", "cache_gib", "patience", "min_delta", "profile"):
            if getattr(self, name) < 0:
                raise InvalidInput(f"train_options: {name} must not be negative, got {getattr(self, name)}.")
        if self.loader_threads < 1:
            raise InvalidInput(f"train_options: loader_threads must be 1 or more, got {self.loader_threads}.")

    def document(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {**asdict(self), "trace_augmentation": list(self.trace_augmentation)}


def parse_options(text: str) -> TrainOptions:
    """Options from a JSON object; empty text gives the defaults.

    Raises:
        InvalidInput: If there is no such option, or a value is of another type.
    """
    found = json_object("train_options", text)
    types = {field.name: type(field.default) for field in fields(TrainOptions)}
    if unknown := sorted(set(found) - set(types)):
        raise InvalidInput(f"train_options has no {unknown}.", f"It has {', '.join(types)}.")
    for name, value in found.items():
        wanted = types[name]
        if name == "trace_augmentation":
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif wanted is float:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            fits = type(value) is wanted
        if not fits:
            kind = "a list of case ids" if name == "trace_augmentation" else f"a {wanted.__name__}"
            raise InvalidInput(f"train_options: {name} must be {kind}, got {value!r}.")
    return TrainOptions(**found)
