"""Random transforms of whole batches, on the device where the network is."""

from collections import Counter
from typing import Any

from ignite.engine import Engine, Events

from medgantry.augmentation import BatchTransforms
from medgantry.loading.seeds import derive_seed


class BatchAugmentation:
    """Transforms every batch before the network sees it; a sample's seed is of (seed, epoch, case, crop).

    Args:
        transforms: The bundle's `train#batch_transforms`.
        seed: Of the training.
    """

    def __init__(self, transforms: BatchTransforms, seed: int) -> None:
        self._transforms, self._seed = transforms, seed

    def attach(self, engine: Engine) -> None:
        """Transform the batches of a trainer."""
        engine.add_event_handler(Events.ITERATION_STARTED, self._augment)

    def _augment(self, engine: Engine) -> None:
        batch, seen = engine.state.batch, Counter[str]()
        seeds = []
        for case_id in batch["case_id"]:
            seeds.append(self._seed_of(engine.state.epoch, case_id, seen[case_id]))
            seen[case_id] += 1
        engine.state.batch = self._transforms(batch, seeds)

    def trace(self, epoch: int, case_id: str, crop: int) -> list[dict[str, Any]]:
        """What is drawn for one crop of a case: of each transform its name, whether it is applied, its parameters."""
        return self._transforms.trace(self._seed_of(epoch, case_id, crop))

    def _seed_of(self, epoch: int, case_id: str, crop: int) -> int:
        return derive_seed(self._seed, epoch, f"batch {case_id} crop {crop}")
