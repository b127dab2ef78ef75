"""Validation that gives the same numbers on any number of ranks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist

from medgantry.loading.batches import Reader

Rows = Sequence[Mapping[str, Any]]


class Validation(Protocol):
    """What is measured of a network while it trains."""

    @property
    def metric(self) -> str:
        """The number, higher being better, by which the best epoch is chosen."""

    def measure(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> list[dict[str, Any]]:
        """Rows about one case, from its tensors alone, JSON-ready."""

    def draw(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
        """Write a picture (PNG) of what the network makes of a case beside its reference, the same view always."""

    def scroll(self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> bool:
        """Write an animated scroll (GIF) through a case's volume; False, and nothing written, where it has none."""

    def summarise(self, rows: Rows) -> dict[str, float]:
        """Finite numbers over all cases, computed in float64; what is undefined is left out."""


def validate(
    validation: Validation,
    network: torch.nn.Module,
    reader: Reader,
    cases: Sequence[str],
    *,
    rank: int,
    ranks: int,
) -> list[dict[str, Any]]:
    """Measure every case, each once and alone.

    Returns:
        On every rank the same rows with their case_id, sorted; values are bit-equal whatever the number of ranks,
        as each is made of one case.
    """
    network.eval()
    mine = []
    with torch.no_grad():
        for case_id in sorted(cases)[rank::ranks]:
            mine.append([case_id, validation.measure(network, reader.read(case_id))])
    gathered: list[Any] = [mine]
    if ranks > 1:
        gathered = [None] * ranks
        dist.all_gather_object(gathered, mine)
    ordered = sorted((pair for part in gathered for pair in part), key=lambda pair: str(pair[0]))
    return [{"case_id": case_id, **row} for case_id, rows in ordered for row in rows]


Inferer = Callable[..., torch.Tensor]
Postprocessing = Callable[[Mapping[str, Any]], Mapping[str, Any]]
