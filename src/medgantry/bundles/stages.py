"""Where a bundle keeps its training transforms, and which of them come before the random ones.

Bundles call the deterministic part what they like (`deterministic_transforms`, `preprocessing_transforms`) and add it
to the others in an expression, or have one list: then what comes before its first random transform is deterministic.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from medgantry.bundles.config_ids import follow, look_up
from medgantry.errors import InvalidBundle

_REFERENCE = re.compile(r"[@%]((?:\w|#|::)+)")
_SUM = re.compile(r"^\$\s*[@%][\w#:]+(\s*\+\s*[@%][\w#:]+)*\s*$")
_COHORTS_OWN = ("@regions", "@class_counts")


def trainer_id(config: Mapping[str, Any]) -> str:
    """The id of the trainer: `train#trainer`, or `trainer` as in the Zoo's templates."""
    return "train#trainer" if look_up(config, "train#trainer") is not None else "trainer"


def loader_id(config: Mapping[str, Any]) -> str:
    """The id of the data loader that the trainer refers to; `train#dataloader` where it refers to none."""
    trainer = follow(config, look_up(config, trainer_id(config)))
    named = trainer.get("train_data_loader") if isinstance(trainer, Mapping) else None
    return named[1:] if isinstance(named, str) and named.startswith("@") else "train#dataloader"


def transforms_id(config: Mapping[str, Any]) -> str:
    """The id of the transforms that a training config applies to its cases.

    Raises:
        InvalidBundle: If the training data set names none.
    """
    data_set = follow(config, look_up(config, f"{loader_id(config)}#dataset"))
    data_set = look_up(config, "train#dataset") if data_set is None else data_set
    while isinstance(data_set, Mapping):
        if "transform" in data_set:
            return _path_of(config, data_set) + "#transform"
        data_set = follow(config, data_set.get("dataset"))  # a data set around a data set
    raise InvalidBundle(
        "The training config must give its transforms in train#dataset#transform, or in the data set of the trainer's "
        "loader.",
        "Name them there, as the bundles of MONAI's Model Zoo do.",
    )


def deterministic_part(config: Mapping[str, Any]) -> Any:
    """The transforms before the random ones, with all they refer to; JSON-ready, to be hashed.

    Where the list cannot be told without running the config's expressions, all transforms are taken: a change of a
    random one then makes new shards, which costs time and never gives wrong ones.
    """
    transforms = look_up(config, transforms_id(config))
    groups = _groups(config, transforms)
    if groups is None:
        return _expand(follow(config, transforms), config)
    return _expand([item for group in groups for item in group][: _leading(groups)], config)


def deterministic_count(config: Mapping[str, Any]) -> int | None:
    """How many transforms are in the deterministic part; None when only running an expression could tell."""
    groups = _groups(config, look_up(config, transforms_id(config)))
    return None if groups is None else _leading(groups)


def _leading(groups: Sequence[Sequence[Any]]) -> int:
    """The groups that have nothing random in them; in the first that has, what comes before, if it is all there is."""
    count = 0
    for group in groups:
        first = next((index for index, item in enumerate(group) if _is_random(item)), None)
        if first is not None:
            return count or first
        count += len(group)
    return count


def _is_random(item: Any) -> bool:
    return isinstance(item, Mapping) and is_random_name(str(item.get("_target_", "")))


def is_random_name(target: str) -> bool:
    """Whether a transform's class is random by MONAI's naming."""
    return target.rpartition(".")[2].startswith("Rand")


def _groups(config: Mapping[str, Any], value: Any) -> list[list[Any]] | None:
    """The transforms in the lists that the config adds to each other; None when only running it could tell."""
    value = follow(config, value)
    if isinstance(value, Mapping) and str(value.get("_target_", "")).rpartition(".")[2] == "Compose":
        return _groups(config, value.get("transforms"))
    if isinstance(value, str) and _SUM.match(value):
        parts = [_groups(config, f"@{name}") for name in _REFERENCE.findall(value)]
        return None if None in parts else [group for part in parts for group in part or ()]
    if isinstance(value, Mapping):
        return [[value]]
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    items = [_groups(config, item) for item in value]
    return None if None in items else [[one for item in items for group in item or () for one in group]]


def _path_of(config: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> str:
    """The id under which a mapping lies in a config."""
    for key, value in config.items():
        identity = f"{prefix}{key}"
        if value is wanted:
            return identity
        if isinstance(value, Mapping) and (found := _path_of(value, wanted, f"{identity}#")):
            return found
    return ""


def _expand(value: Any, config: Mapping[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """A config value with everything it refers to, except what the cohort decides."""
    if isinstance(value, Mapping):
        return {key: _expand(item, config, inside) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, config, inside) for item in value]
    if isinstance(value, str) and _REFERENCE.search(value) and value not in _COHORTS_OWN:
        references = {
            name: _expand(look_up(config, name), config, (*inside, name))
            for name in _REFERENCE.findall(value)
            if name not in inside
        }
        return {"expression": value, "references": references}
    return value
