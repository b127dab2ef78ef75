"""Which series become cases: a declared rule, so that what is left out can be counted by it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from medgantry.dicom.frame import Frame
from medgantry.dicom.grid import place_slices
from medgantry.dicom.header import Header
from medgantry.errors import InvalidInput

MASKS = ("SEG", "RTSTRUCT")
_ONE_PER = ("series", "study")


@dataclass(frozen=True, kw_only=True)
class Select:
    """The rule. Text is matched as a regular expression anywhere in the value, without regard to case.

    Raises:
        InvalidInput: If a value is impossible.
    """

    modality: tuple[str, ...] = ("CT",)
    """Modalities to take."""
    image_type: tuple[str, ...] = ()
    """Values that ImageType must have, such as ORIGINAL and PRIMARY."""
    not_image_type: tuple[str, ...] = ("LOCALIZER",)
    """Values that ImageType must not have."""
    description: str = ""
    """What SeriesDescription must match."""
    kernel: str = ""
    """What ConvolutionKernel must match."""
    has: str = ""
    """`SEG`, `RTSTRUCT` or `mask` (either): only series that such an object of the study refers to."""
    masks: str = ""
    """What the SeriesDescription of a mask object must match, where a study has several."""
    thickness_mm: tuple[float, float] = (0.0, float("inf"))
    """Smallest and largest SliceThickness."""
    spacing_mm: tuple[float, float] = (0.0, float("inf"))
    """Smallest and largest distance of slices, measured."""
    slices: tuple[int, int] = (2, 1 << 30)
    """Fewest and most slices."""
    one_per: str = "series"
    """`study` takes one series of each study: the finest spacing, then the most slices."""
    channel: str = ""
    """Name of the image's channel; empty for the modality."""

    def __post_init__(self) -> None:
        if self.has not in ("", "mask", *MASKS) or self.one_per not in _ONE_PER:
            raise InvalidInput(
                f"select: has must be SEG, RTSTRUCT or mask, one_per {' or '.join(_ONE_PER)}; "
                f"found {self.has!r}, {self.one_per!r}."
            )
        for name in ("description", "kernel", "masks"):
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                raise InvalidInput(f"select: {name} is no regular expression: {error}.") from error

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Select":
        """The rule that a JSON object declares; lists may be single values, ends of a range null.

        Raises:
            InvalidInput: If a key is unknown or a value of the wrong kind.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(document) - known)
        if unknown:
            raise InvalidInput(f"select has no {unknown}.", f"Known are {sorted(known)}.")
        values: dict[str, Any] = {}
        for name, value in document.items():
            if name in ("modality", "image_type", "not_image_type"):
                values[name] = tuple([value] if isinstance(value, str) else map(str, value))
            elif name in ("thickness_mm", "spacing_mm", "slices"):
                values[name] = _range(name, value)
            elif isinstance(value, str):
                values[name] = value
            else:
                raise InvalidInput(f"select: {name} must be text, found {value!r}.")
        return cls(**values)


def _range(name: str, value: Any) -> tuple[float, float]:
    numbers = isinstance(value, list) and all(end is None or isinstance(end, (int, float)) for end in value)
    if not numbers or len(value) != 2:
        raise InvalidInput(
            f"select: {name} must be [smallest, largest], either may be null; found {value!r}."
        )
    low, high = value
    return 0.0 if low is None else low, float("inf") if high is None else high


@dataclass(frozen=True, kw_only=True)
class StackFacts:
    """What the rule looks at."""

    modality: str
    image_type: tuple[str, ...]
    description: str
    kernel: str
    thickness_mm: float | None
    spacing_mm: float
    slices: int

    @property
    def rank(self) -> tuple[float, int]:
        """Smaller is better, where only one is taken."""
        return round(self.spacing_mm, 3), -self.slices


def facts_of(header: Header, stack: list[Frame]) -> StackFacts:
    """Facts of a stack.

    Raises:
        Unusable: If its slices share no plane, or a header's value makes no sense.
    """
    thickness = header.numbers("SliceThickness")
    return StackFacts(
        modality=header.text("Modality"),
        image_type=tuple(header.text("ImageType").upper().split("\\")),
        description=header.text("SeriesDescription"),
        kernel=header.text("ConvolutionKernel"),
        thickness_mm=thickness[0] if thickness else None,
        spacing_mm=place_slices(stack).spacing_mm,
        slices=len(stack),
    )


def broken_rule(facts: StackFacts, select: Select) -> tuple[str, str]:
    """The first rule that a stack does not meet, and what was found instead; two empty texts when it meets all.

    What was found is only said where it is a number or a defined term: a description may name people.
    """
    missing = [value for value in select.image_type if value not in facts.image_type]
    unwanted = [value for value in select.not_image_type if value in facts.image_type]
    thickness = facts.thickness_mm
    low, high = select.thickness_mm
    checks = (
        (not missing, f"image_type has {'+'.join(missing)}", "it has not"),
        (not unwanted, f"image_type has no {'+'.join(unwanted)}", "it has"),
        (matches(select.description, facts.description), "description matches", "it does not"),
        (matches(select.kernel, facts.kernel), "kernel matches", "it does not"),
        (
            (low, high) == (0.0, float("inf")) or (thickness is not None and low <= thickness <= high),
            f"thickness_mm is {low} to {high}",
            f"{thickness} mm",
        ),
        (
            _within(facts.spacing_mm, select.spacing_mm),
            f"spacing_mm is {select.spacing_mm}",
            f"{facts.spacing_mm:.3f} mm",
        ),
        (_within(facts.slices, select.slices), f"slices is at least {select.slices[0]}", str(facts.slices)),
    )
    for met, rule, found in checks:
        if not met:
            return f"select: {rule}", found
    return "", ""


def matches(pattern: str, text: str) -> bool:
    """Whether a regular expression is found anywhere in a text, in any case."""
    return bool(re.search(pattern, text, re.IGNORECASE))


def _within(value: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= value <= ends[1]
