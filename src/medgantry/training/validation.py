"""Validation that gives the same numbers on any number of ranks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from medgantry.evaluation.dice import dice
from medgantry.training.samples import ShardReader


def validate(
    network: torch.nn.Module,
    reader: ShardReader,
    cases: Sequence[str],
    regions: Sequence[str],
    *,
    inferer: Callable[..., torch.Tensor],
    postprocessing: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    device: torch.device,
    rank: int,
    ranks: int,
) -> list[dict[str, Any]]:
    """Dice of every case, each computed once and alone.

    Returns:
        On every rank the same list of case_id, region, dice [1], sorted by case; values are bit-equal whatever
        the number of ranks, as each is made of one case's voxel counts.
    """
    network.eval()
    mine = []
    with torch.no_grad():
        for case_id in sorted(cases)[rank::ranks]:
            tensors = reader.read(case_id)
            logits = inferer(tensors["image"][None].to(device), network)
            mask = postprocessing({"pred": torch.as_tensor(logits)[0].float().cpu()})["pred"]
            predicted = torch.as_tensor(mask).numpy() > 0
            reference = tensors["label"].numpy() > 0
            for index, region in enumerate(regions):
                value = dice(predicted[index], reference[index])
                mine.append({"case_id": case_id, "region": region, "dice": value})
    gathered: list[Any] = [mine]
    if ranks > 1:
        gathered = [None] * ranks
        dist.all_gather_object(gathered, mine)
    return sorted((row for part in gathered for row in part), key=lambda row: (row["case_id"], row["region"]))


def summarise(rows: Sequence[Mapping[str, Any]], regions: Sequence[str]) -> dict[str, float]:
    """Mean over cases per region, then over regions, in float64."""
    means = {
        f"val_dice_{region}": float(np.mean([row["dice"] for row in rows if row["region"] == region]))
        for region in regions
    }
    return {**means, "val_dice_mean": float(np.mean(list(means.values())))}
