"""The promotion gate: whether a candidate becomes champion, from the evidence of one evaluation."""

import math
from dataclasses import dataclass

from medgantry.errors import InvalidInput
from medgantry.evaluation.evaluation import Evaluation

UNSEEN = ("test", "cross-validation")
"""Sides whose cases had no part in the model that answered for them."""


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """What a candidate must show."""

    min_gain: float = 0.0
    """The lower bound of the paired difference in the primary metric must lie above this."""
    max_subgroup_drop: float = 0.05
    """No subgroup with enough groups may lose more than this, by its paired estimate."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min_gain) and 0 <= self.max_subgroup_drop < math.inf):
            raise InvalidInput(
                "Wanted a finite min_gain and max_subgroup_drop of 0 or more, found "
                f"{self.min_gain} and {self.max_subgroup_drop}."
            )


@dataclass(frozen=True)
class Decision:
    """What the gate says, and why."""

    promoted: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Incumbent:
    """The version that has the alias now."""

    version: int
    model_hash: str
    """Of its weights and configs."""


def decide(
    evaluation: Evaluation, candidate: Incumbent, champion: Incumbent | None, config: GateConfig
) -> Decision:
    """Promote or not; whatever is not known speaks against the candidate.

    Args:
        evaluation: Of the candidate.
        candidate: The candidate, as registered.
        champion: Who has the alias; None for nobody.
        config: What must be shown.
    """
    if not evaluation.metrics["external"] and evaluation.split not in UNSEEN:
        return Decision(False, f"it was judged on side {evaluation.split!r}, which helped to make it")
    if champion is None:
        return Decision(True, "there was no champion")
    if champion.version == candidate.version:
        return Decision(True, "it is the champion already")
    if champion.model_hash == candidate.model_hash:
        return Decision(False, f"it is the same model as version {champion.version}, the champion")
    found = evaluation.metrics["comparison"]
    if found is None:
        return Decision(
            False,
            f"the evaluation does not compare it with version {champion.version}, the champion: give evaluate what "
            "open_champion brings",
        )
    if (found["version"], found["model_hash"]) != (champion.version, champion.model_hash):
        return Decision(
            False,
            f"it was compared with version {found['version']} of a model, but the champion is now version "
            f"{champion.version} of this one: evaluate again",
        )
    if found["incomparable"]:
        return Decision(False, f"it cannot be compared: {found['incomparable']}")
    return _by_numbers(evaluation, champion.version, config)


def _by_numbers(evaluation: Evaluation, champion: int, config: GateConfig) -> Decision:
    found = evaluation.metrics["comparison"]
    metric, name = evaluation.primary
    difference = found["difference"]
    gain = (
        f"{name} {metric} differs from version {champion} by {difference['estimate']:+.4f} "
        f"({difference['low']:+.4f} to {difference['high']:+.4f}) on {difference['n']} cases"
    )
    if not difference["low"] > config.min_gain:
        return Decision(False, f"{gain}; the lower bound does not clear min_gain {config.min_gain:g}")
    fallen = [
        f"{line['by']} {line['value']} {line['estimate']:+.4f}"
        for line in found["subgroups"]
        if line["estimate"] is not None and line["estimate"] < -config.max_subgroup_drop
    ]
    if fallen:
        return Decision(
            False,
            f"{gain}, but subgroups fall by more than max_subgroup_drop {config.max_subgroup_drop:g}: "
            + ", ".join(fallen),
        )
    return Decision(True, f"{gain}; the lower bound clears min_gain {config.min_gain:g}")
