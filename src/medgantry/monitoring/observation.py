"""One case as drift sees it: what is known of its input and of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

RISK = "risk"
"""Name of a survival model's output."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Of a training case or of a request."""

    inputs: Mapping[str, float] = field(default_factory=dict)
    """Name -> number; what this input lacks is absent."""
    categories: Mapping[str, str] = field(default_factory=dict)
    """Name -> category of its input; absent as above."""
    outputs: Mapping[str, float] = field(default_factory=dict)
    """Name -> number, such as a region's volume; absent where nobody answered."""
    answer: str = ""
    """The class; empty where there is none."""

    @property
    def known(self) -> bool:
        """Whether anything is: of a refused request nothing is."""
        return bool(self.inputs or self.categories or self.outputs)

    @classmethod
    def of(cls, inputs: Mapping[str, float], volumes_ml: Mapping[str, float], answer: str) -> "Observation":
        """One case, whose regions' volumes are its outputs."""
        outputs = {f"volume of {name}, ml": value for name, value in volumes_ml.items()}
        return cls(inputs=inputs, outputs=outputs, answer=answer)
