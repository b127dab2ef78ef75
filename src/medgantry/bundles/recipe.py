"""A bundle's training config brought to life: its transforms in two stages, and its own trainer."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.engines import SupervisedTrainer
from monai.handlers import LrScheduleHandler
from monai.inferers import Inferer
from monai.transforms import Compose, InvertD, SaveImageD, Transform
from monai.transforms.traits import RandomizableTrait

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.config_ids import follow, look_up
from medgantry.bundles.fused import with_fused
from medgantry.bundles.parser import make_parser, part
from medgantry.bundles.stages import (
    deterministic_count,
    is_random_name,
    loader_id,
    trainer_id,
    transforms_id,
)
from medgantry.errors import InvalidBundle
from medgantry.transforms.flattened import flattened
from medgantry.transforms.replacement import replace_proved

_REPLACED = frozenset(
    {
        "CheckpointLoader",
        "CheckpointSaver",
        "ClearMLImageHandler",
        "ClearMLStatsHandler",
        "EarlyStopHandler",
        "GarbageCollector",
        "MLFlowHandler",
        "MetricsSaver",
        "StatsHandler",
        "TensorBoardHandler",
        "TensorBoardImageHandler",
        "TensorBoardStatsHandler",
        "ValidationHandler",
    }
)
"""MONAI's handlers that validate, report and save: ours do that."""
_ONLY_REPORTS = ("key_train_metric", "additional_metrics", "postprocessing")
"""Of a trainer: what decorates the output after the step, for metrics that nobody reads here."""


class Recipe:
    """What a bundle trains with.

    Args:
        bundle: Any that `open_bundle` let pass.
        regions: Output -> label codes, of the cohort; goes to the id `regions` of a config that has it.
        class_counts: Training cases of each output; goes to the id `class_counts`.
        device: This process's GPU, which takes the place of the one that a config names; None for none.

    Raises:
        InvalidBundle: When a part is asked for that the config lacks, or that can't be made.
    """

    def __init__(
        self,
        bundle: Bundle,
        regions: Mapping[str, list[int]],
        class_counts: Sequence[int] = (),
        device: torch.device | None = None,
    ) -> None:
        config = dict(bundle.train_config)
        if "regions" in config and regions:
            config["regions"] = {name: regions[name] for name in bundle.outputs}
        if "class_counts" in config and class_counts:
            config["class_counts"] = list(class_counts)
        if device is not None and isinstance(config.get("optimizer"), Mapping):
            config["optimizer"] = with_fused(config["optimizer"])
        self._bundle = bundle
        self.config: Mapping[str, Any] = config
        self.parser = make_parser(bundle, config)
        self.device = torch.device(part(self.parser, "device"))
        """Where it trains."""
        if device is not None and self.device.type == device.type:
            self.device = device
            self.parser["device"] = device

    @property
    def deterministic(self) -> Compose:
        """The transforms whose result is stored; MONAI's where ours are proved to give the same are ours."""
        return Compose(replace_proved(self._stages[0])[0])

    @property
    def random(self) -> Compose:
        """The transforms that are applied anew every time."""
        return Compose(self._stages[1])

    @cached_property
    def _stages(self) -> tuple[list[Any], list[Any]]:
        transforms = flattened(part(self.parser, transforms_id(self.config)))
        first = next((index for index, item in enumerate(transforms) if _is_random(item)), len(transforms))
        named = deterministic_count(self.config)
        first = first if named is None else min(first, named)
        return transforms[:first], transforms[first:]

    @cached_property
    def batch_size(self) -> int:
        """Cases in a step of one rank; to be asked for before the loader takes the place of the bundle's."""
        return int(part(self.parser, f"{loader_id(self.config)}#batch_size"))

    @property
    def settings(self) -> dict[str, Any]:
        """The config's ids that are plain values, and the batch size."""
        plain = {
            key: value for key, value in self.config.items() if isinstance(value, int | float | str | list)
        }
        return {**plain, "batch_size": self.batch_size}

    def trainer(self, loader: Any) -> SupervisedTrainer:
        """The bundle's own trainer, network, optimizer and loss, fed from a loader of ours.

        Args:
            loader: Iterable of batches with a length.
        """
        identity = trainer_id(self.config)
        trainer = dict(follow(self.config, look_up(self.config, identity)))
        for name in _ONLY_REPORTS:
            trainer.pop(name, None)
        trainer["decollate"] = False
        handlers = follow(self.config, trainer.get("train_handlers")) or []
        kept = [item for item in handlers if _name_of(follow(self.config, item)) not in _REPLACED]
        trainer["train_handlers"] = kept
        self.parser[identity] = trainer
        # The parser takes live objects: everything that refers to the data loader now gets ours.
        self.parser[loader_id(self.config)] = loader
        made = part(self.parser, identity)
        if not isinstance(made, SupervisedTrainer):
            raise InvalidBundle(
                f"{identity} must be MONAI's SupervisedTrainer, found {type(made).__name__}.",
                "A trainer with another loop must be an entry point (docs/bundles.md).",
            )
        return made

    def scheduler(self) -> Any:
        """What changes the learning rate while the trainer runs, after `trainer`; None when nothing does."""
        handlers = part(self.parser, f"{trainer_id(self.config)}#train_handlers")
        found = [item.lr_scheduler for item in handlers if isinstance(item, LrScheduleHandler)]
        return found[0] if found else None

    @cached_property
    def _inference(self) -> ConfigParser:
        return make_parser(self._bundle, self._bundle.inference_config)

    def batch_transforms(self) -> list[Any]:
        """Random transforms of whole batches on the device, the config's `train#batch_transforms`; ours alone have them."""
        there = look_up(self.config, "train#batch_transforms") is not None
        return list(part(self.parser, "train#batch_transforms")) if there else []

    def inferer(self) -> Inferer:
        """How whole cases are put to the network: the config's `validate#inferer`, or else inference's."""
        if look_up(self.config, "validate#inferer") is not None:
            return part(self.parser, "validate#inferer")
        return part(self._inference, "inferer")

    def postprocessing(self) -> Compose:
        """What makes masks of the network's output on the network's own grid: nothing is inverted or saved."""
        if look_up(self.config, "validate#postprocessing") is not None:
            made = part(self.parser, "validate#postprocessing")
        else:
            made = part(self._inference, "postprocessing")
        return Compose([item for item in flattened(made) if not isinstance(item, InvertD | SaveImageD)])


def _name_of(config: Any) -> str:
    return str(config.get("_target_", "")).rpartition(".")[2] if isinstance(config, Mapping) else ""


def _is_random(transform: Any) -> bool:
    # A callable that is no transform of MONAI may do anything: it is not stored.
    return (
        isinstance(transform, RandomizableTrait)
        or not isinstance(transform, Transform)
        or is_random_name(type(transform).__name__)
    )
