"""What a table of gene expression is, and what is wanted of it."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from medgantry.errors import InvalidInput
from medgantry.features.expression.gene_list import GeneList

Transform = Literal["log2", "none"]
Missing = Literal["unmeasured", "not expressed"]

TPM = "TPM"
LINEAR_UNITS = ("FPKM", "RPKM", TPM)
"""Units of amounts: they can be added and have a logarithm."""


@dataclass(frozen=True, kw_only=True)
class ExpressionConfig:
    """How a table is read. Nothing here is fitted to the data: what is, belongs inside of the folds of a training.

    Raises:
        InvalidInput: If the settings contradict each other.
    """

    unit: str = "FPKM"
    """`FPKM`, `RPKM`, `TPM`, or what else the values are, such as `z-score`."""
    transform: Transform = "log2"
    """`log2` is log2(x + 1)."""
    missing: Missing = "unmeasured"
    """What a missing value means: nobody knows, or 0."""
    genes: GeneList = field(default_factory=GeneList)
    max_rejected: float = 0.2
    """Allowed share of rejected patients."""

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("transform", self.transform, Transform),
            ("missing", self.missing, Missing),
        ):
            if value not in get_args(allowed):
                raise InvalidInput(f"{name} must be one of {', '.join(get_args(allowed))}, got {value!r}.")
        if not self.unit:
            raise InvalidInput(
                "The unit of the values must be given.", "Say FPKM, TPM or z-score, for example."
            )
        if self.is_linear:
            return
        if self.transform == "log2":
            raise InvalidInput(
                f"log2(x + 1) is for amounts in {', '.join(LINEAR_UNITS)}, the unit is {self.unit!r}.",
                'Set transform to "none".',
            )
        if self.missing == "not expressed":
            raise InvalidInput(
                f"A missing value can mean 0 for amounts only: 0 is no absence in {self.unit!r}.",
                'Set missing to "unmeasured".',
            )

    @property
    def is_linear(self) -> bool:
        """Whether values are amounts."""
        return self.unit in LINEAR_UNITS

    @property
    def feature_unit(self) -> str:
        """Unit of the features."""
        return f"log2({self.unit}+1)" if self.transform == "log2" else self.unit
