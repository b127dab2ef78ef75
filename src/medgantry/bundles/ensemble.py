"""`ensemble.json`: several weights of one network that answer together.

Sources: averaging the probabilities of networks that were trained apart, Lakshminarayanan et al., Simple and scalable
predictive uncertainty estimation using deep ensembles, NeurIPS (2017); one network per fold of a cross-validation, Isensee
et al., nnU-Net, Nature Methods 18 (2021).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidBundle

SCHEMA_NAME = "medgantry/ensemble/1"
FILE = "ensemble.json"
Rule = Literal["mean", "weighted", "vote"]
Augmentation = Literal["none", "flips"]


@dataclass(frozen=True, kw_only=True)
class Member:
    """One set of weights."""

    weights: str
    """Path inside the bundle's folder, such as `models/fold-0.pt`."""
    weight: float
    """Its share in a weighted mean, before the shares are made to add up to 1."""


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Who answers, and how answers become one.

    Raises:
        InvalidBundle: If it makes no sense.
    """

    members: Sequence[Member]
    rule: Rule = "mean"
    """`mean` of the probabilities, `weighted` mean of them, or `vote`: a region is where more than half of the members
    see it."""
    test_time_augmentation: Augmentation = "none"
    """`flips`: every member answers for the volume and its mirror images, and answers with the mean."""

    def __post_init__(self) -> None:
        wrong = [f"{name}={found!r}" for name, found, known in self._choices() if found not in known]
        if wrong or not self.members:
            raise InvalidBundle(
                f"An ensemble needs members, a rule of {get_args(Rule)} and a test_time_augmentation of "
                f"{get_args(Augmentation)}; found {len(self.members)} members{', ' if wrong else ''}{', '.join(wrong)}."
            )
        for member in self.members:
            path = PurePosixPath(member.weights)
            if path.is_absolute() or ".." in path.parts or not member.weight > 0:
                raise InvalidBundle(
                    f"A member needs weights inside the bundle and a weight above 0, found {asdict(member)}."
                )

    def _choices(self) -> list[tuple[str, str, tuple[str, ...]]]:
        return [
            ("rule", self.rule, get_args(Rule)),
            ("test_time_augmentation", self.test_time_augmentation, get_args(Augmentation)),
        ]

    @property
    def shares(self) -> list[float]:
        """Each member's part in the mean; they add up to 1."""
        weights = [member.weight if self.rule == "weighted" else 1.0 for member in self.members]
        return [weight / sum(weights) for weight in weights]

    def save(self, folder: Path) -> None:
        """Write it into a bundle's folder."""
        write_document(folder / FILE, SCHEMA_NAME, asdict(self))

    @classmethod
    def open(cls, folder: Path) -> "Ensemble | None":
        """Read a bundle's ensemble; None where it is a single network.

        Raises:
            InvalidBundle: If it makes no sense, or a member's weights are missing.
            InvalidInput: If the file is none of this schema.
        """
        if not (folder / FILE).is_file():
            return None
        document = read_document(folder / FILE, SCHEMA_NAME)
        try:
            members = [Member(**member) for member in document.pop("members")]
            found = cls(**document, members=members)
        except (KeyError, TypeError) as error:
            raise InvalidBundle(
                f"{FILE} of {folder.name} is not as {SCHEMA_NAME} has it: {error}."
            ) from error
        missing = [member.weights for member in members if not (folder / member.weights).is_file()]
        if missing:
            raise InvalidBundle(f"{folder.name} lacks weights of its ensemble: {missing}.")
        return found
