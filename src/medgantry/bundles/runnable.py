"""Whether a bundle can be trained here, told from its files alone."""

from collections.abc import Mapping
from pathlib import Path

from medgantry.bundles.config_files import find_config, read_config
from medgantry.bundles.config_ids import follow, look_up
from medgantry.bundles.stages import trainer_id, transforms_id
from medgantry.errors import InvalidBundle

ENTRY_POINT = "entry_point"
"""Id of a training config that names a Python function instead of a trainer."""
_ADVERSARIAL = ("GanTrainer", "AdversarialTrainer")


def check_trainable(folder: Path, name: str) -> None:
    """Refuse a bundle that has nothing to train, or trains in a way that is not ours.

    Args:
        folder: The bundle's.
        name: What it is called in errors.

    Raises:
        InvalidBundle: Naming the part and the reason.
    """
    if find_config(folder, "train") is None:
        others = sorted(path.name for path in (folder / "configs").glob("train*"))
        found = f"found {others}" if others else "the bundle is for inference alone"
        raise InvalidBundle(
            f"{name} has no configs/train.json or .yaml: {found}.",
            "Trainings in several stages are not supported; a stage of its own may be saved as configs/train.json."
            if others
            else "Use it with batch_inference.",
        )
    config = read_config(folder, "train")
    if ENTRY_POINT in config:
        return
    identity = trainer_id(config)
    trainer = follow(config, look_up(config, identity))
    if not isinstance(trainer, Mapping) or "_target_" not in trainer:
        raise InvalidBundle(
            f"The training config of {name} has no train#trainer.",
            "Use MONAI's SupervisedTrainer there.",
        )
    target = str(trainer["_target_"])
    kind = target.rpartition(".")[2]
    if kind in _ADVERSARIAL:
        raise InvalidBundle(
            f"{identity} of {name} is MONAI's {kind}: two networks that train against each other.",
            "Only MONAI's SupervisedTrainer, or a class of the bundle's scripts that is one, is supported.",
        )
    if kind != "SupervisedTrainer" and not target.startswith("scripts."):
        raise InvalidBundle(
            f"{identity} of {name} is {target}.",
            "Only MONAI's SupervisedTrainer, or a class of the bundle's scripts that is one, is supported.",
        )
    transforms_id(config)
