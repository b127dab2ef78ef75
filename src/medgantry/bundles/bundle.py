"""The `Bundle` noun: a MONAI bundle folder, read without torch or MONAI.

    configs/metadata.json, configs/train.{json,yaml}, configs/inference.{json,yaml}
    models/model.pt      weights, once trained
    provenance.json      where the weights are from, once trained by us

Source of the layout: MONAI Bundle specification, https://docs.monai.io/en/stable/mb_specification.html.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from medgantry.cohort import Cohort
from medgantry.cohort.targets import DIAGNOSIS
from medgantry.errors import InvalidBundle, InvalidInput, Mismatch
from medgantry.fingerprint import hash_file, hash_value, walk_files
from medgantry.parameters import json_object
from medgantry.storage import fetch_folder
from medgantry.storage.files import locate
from medgantry.storage.folders import replace_folder

WEIGHTS = "models/model.pt"
PRETRAINED = "models/pretrained.pt"
"""Weights of another task, where training begins as far as they fit; gone once trained."""
PROVENANCE = "provenance.json"
_OURS = Path(__file__).parent
_REFERENCE = re.compile(r"@([\w#]+)")
_DETERMINISTIC = "train#deterministic_transforms"
_CLASSES = {"type": ("probability", "probabilities"), "format": ("classes", "classification")}
"""What MONAI's bundles write into `network_data_format` when the output is one score per class."""


@dataclass(frozen=True)
class Bundle:
    """A bundle folder that was checked.

    Raises:
        InvalidBundle: When opened and a part is missing.
    """

    folder: Path

    def __post_init__(self) -> None:
        for key in ("network_data_format", "monai_version", "version"):
            if key not in self.metadata:
                raise InvalidBundle(f"metadata.json of {self.folder.name} must have {key!r}.")
        if not self.input_channels or not self.outputs:
            raise InvalidBundle(
                f"{self.folder.name} must name its channels in network_data_format (channel_def)."
            )
        for name in ("train", "inference"):
            if _find_config(self.folder, name):
                read_config(self.folder, name)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """`configs/metadata.json`."""
        if not (self.folder / "configs/metadata.json").is_file():
            raise InvalidBundle(f"{self.folder} is no MONAI bundle: configs/metadata.json is missing.")
        return read_config(self.folder, "metadata")

    @property
    def input_channels(self) -> list[str]:
        """Names of the cohort's channels that the network takes, in its order; red, green and blue are one, `RGB`."""
        names = _channel_names(self.metadata, "inputs", "image")
        colours = [name[:1].lower() for name in names] == ["r", "g", "b"]
        return ["RGB"] if colours else names

    @property
    def outputs(self) -> list[str]:
        """Names of the network's output channels, in its order."""
        return _channel_names(self.metadata, "outputs", "pred")

    @property
    def task(self) -> Literal["segmentation", "classification"]:
        """What the network's output is: masks of regions, or one score per class."""
        output = look_up(self.metadata, "network_data_format#outputs#pred") or {}
        scores = any(output.get(key) in values for key, values in _CLASSES.items())
        return "classification" if scores else "segmentation"

    @property
    def target(self) -> str:
        """The target of a case that names its class; only for classification."""
        return str(look_up(self.metadata, "network_data_format#outputs#pred#target") or DIAGNOSIS)

    @cached_property
    def train_config(self) -> dict[str, Any]:
        """The training config, unresolved."""
        return read_config(self.folder, "train")

    @cached_property
    def inference_config(self) -> dict[str, Any]:
        """The inference config, unresolved."""
        return read_config(self.folder, "inference")

    @property
    def weights(self) -> Path | None:
        """The weights' file, if the bundle has any."""
        path = self.folder / WEIGHTS
        return path if path.is_file() else None

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights' file."""
        return hash_file(self.folder / WEIGHTS)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the weights are from; empty for a bundle that was not trained by us."""
        path = self.folder / PROVENANCE
        return json.loads(path.read_text()) if path.is_file() else {}

    @property
    def is_foreign(self) -> bool:
        """Whether the bundle is not known to be trained by us."""
        return not self.provenance

    @cached_property
    def bundle_hash(self) -> str:
        """Hash of every file."""
        return hash_value({name: hash_file(path) for name, path in walk_files(self.folder)})

    @cached_property
    def config_hash(self) -> str:
        """Hash of the configs alone."""
        return hash_value({name: hash_file(path) for name, path in walk_files(self.folder / "configs")})

    @property
    def model_hash(self) -> str:
        """Hash of weights and configs: the model itself, wherever it came from."""
        return hash_value([self.weights_hash, self.config_hash])

    @cached_property
    def transform_fingerprint(self) -> str:
        """Hash of what decides the content of shards: the deterministic transforms with all they refer to."""
        transforms = look_up(self.train_config, _DETERMINISTIC)
        if not isinstance(transforms, list):
            raise InvalidBundle(
                f"The training config of {self.folder.name} must list {_DETERMINISTIC}.",
                "Separate the deterministic transforms from the random ones.",
            )
        expanded = _expand(transforms, self.train_config)
        return hash_value([expanded, self.input_channels, self.outputs])

    def check_cohort(self, cohort: Cohort) -> None:
        """Refuse a cohort whose channels or regions are not the bundle's, by name.

        Raises:
            Mismatch: Naming both sides.
        """
        self.check_channels(cohort)
        if self.task == "classification":
            self._check_classes(cohort)
            return
        unknown = [name for name in self.outputs if name not in cohort.regions]
        if unknown:
            raise Mismatch(
                f"The bundle's outputs are {self.outputs}, the cohort's regions {sorted(cohort.regions)}.",
                "Define the regions by label name at ingest.",
            )

    def _check_classes(self, cohort: Cohort) -> None:
        strange = sorted({case.targets.get(self.target, "") for case in cohort.cases} - set(self.outputs))
        if strange:
            raise Mismatch(
                f"The bundle's classes are {self.outputs}, the cohort's {self.target!r} has "
                f"{[name or 'nothing' for name in strange[:10]]}.",
                "Give the known classes at ingest, so that other cases are rejected there; or override "
                "network_data_format.",
            )

    def label_codes(self, cohort: Cohort) -> dict[str, list[int]]:
        """Output -> the label codes of the cohort that make it; none for classification."""
        if self.task == "classification":
            return {}
        codes = cohort.region_codes()
        return {name: codes[name] for name in self.outputs}

    def class_indices(self, cohort: Cohort) -> dict[str, int]:
        """Case id -> index of its class among the outputs; none for segmentation."""
        if self.task != "classification":
            return {}
        index = {name: number for number, name in enumerate(self.outputs)}
        return {case.case_id: index[case.targets[self.target]] for case in cohort.cases}

    def check_channels(self, cohort: Cohort) -> None:
        """Refuse a cohort that lacks a channel, by name.

        Raises:
            Mismatch: Naming both sides.
        """
        missing = [name for name in self.input_channels if name not in cohort.channels]
        if missing:
            raise Mismatch(
                f"The bundle needs channels {self.input_channels}, the cohort has {list(cohort.channels)}.",
                "Ingest the missing channels, or override the bundle's network_data_format.",
            )


def open_bundle(
    uri: str, override: str, folder: Path, *, trust: bool = False, pretrained: str = ""
) -> Bundle:
    """Bring a bundle to a folder, merge overrides into its configs, and check it.

    Args:
        uri: `medgantry:<name>`, a path, or `s3://...` of a published folder.
        override: JSON object of config ids (`epochs`, `train#inferer#_target_`) and their new values.
        folder: Where the bundle goes; what is there is replaced.
        trust: Whether a bundle that is not ours may run: its configs are code.
        pretrained: Path or `s3://` of a state dict, in which training begins; empty for none.

    Raises:
        InvalidBundle: If it is no bundle, or an override names an id that no config has.
    """
    beside = folder.with_name(f".{folder.name}.opening")
    shutil.rmtree(beside, ignore_errors=True)
    if uri.startswith("medgantry:"):
        source = _OURS / uri.removeprefix("medgantry:")
        if not (source / "configs").is_dir():
            raise InvalidBundle(f"There is no bundle {uri}; ours are {_our_bundles()}.")
        shutil.copytree(source, beside, ignore=shutil.ignore_patterns("__pycache__"))
    elif not trust:
        raise InvalidBundle(
            f"{uri} is not one of our bundles, and a bundle is code.",
            "Read it, then set trust_bundle=true to run it.",
        )
    else:
        place = locate(uri)
        if isinstance(place, Path):
            if not place.is_dir():
                raise InvalidInput(f"There is no bundle folder {place}.", "Check the path.")
            shutil.copytree(place, beside)
        else:
            fetch_folder(place[0], place[1], beside)
    _apply_override(beside, override)
    if pretrained:
        _bring_pretrained(pretrained, beside)
    replace_folder(beside, folder)
    return Bundle(folder)


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """A bundle's config file, JSON or YAML, unresolved.

    Raises:
        InvalidBundle: If there is none, or it does not parse.
    """
    path = _config_path(folder, name)
    # YAML 1.1 reads JSON's 1e-05 as text.
    read = json.loads if path.suffix == ".json" else yaml.safe_load
    try:
        document: Any = read(path.read_text())
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidBundle(f"configs/{path.name} of {folder.name} does not parse: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidBundle(f"configs/{path.name} of {folder.name} must be a mapping of ids.")
    return document


def set_config(folder: Path, name: str, identity: str, value: Any) -> bool:
    """Set an id of a bundle's config file; False, and nothing changed, when the config has no such id."""
    config = read_config(folder, name)
    if not _set(config, identity, value):
        return False
    _write_config(folder, name, config)
    return True


def look_up(config: Any, identity: str) -> Any:
    """The part of a config that an id such as `train#handlers#0` names; None when there is none."""
    for part in identity.split("#"):
        if isinstance(config, Mapping):
            config = config.get(part)
        elif isinstance(config, Sequence) and not isinstance(config, str) and part.isdigit():
            config = config[int(part)] if int(part) < len(config) else None
        else:
            return None
    return config


def _find_config(folder: Path, name: str) -> Path | None:
    paths = [folder / f"configs/{name}.{suffix}" for suffix in ("yaml", "yml", "json")]
    return next((path for path in paths if path.is_file()), None)


def _config_path(folder: Path, name: str) -> Path:
    path = _find_config(folder, name)
    if path is None:
        raise InvalidBundle(f"{folder.name} has no configs/{name}.json or .yaml.")
    return path


def _bring_pretrained(uri: str, folder: Path) -> None:
    target = folder / PRETRAINED
    target.parent.mkdir(exist_ok=True)
    place = locate(uri)
    if not isinstance(place, Path):
        place[0].download(place[1], target)
    elif place.is_file():
        shutil.copy(place, target)
    else:
        raise InvalidInput(f"There is no file {place} with pretrained weights.", "Check the path.")


def _apply_override(folder: Path, override: str) -> None:
    changes = json_object("override", override)
    unused = set(changes)
    names = ["train", "inference", "metadata"]
    if not _find_config(folder, "train") and (folder / WEIGHTS).is_file():
        names.remove("train")  # a trained bundle may be for inference alone
    for name in names:
        config = read_config(folder, name)
        present = {key: value for key, value in changes.items() if _set(config, key, value)}
        unused -= set(present)
        if present:
            _write_config(folder, name, config)
    if unused:
        raise InvalidBundle(
            f"No config of {folder.name} has {sorted(unused)}.",
            f"Top-level ids that can be overridden: {sorted(read_config(folder, names[0]))}.",
        )


def _write_config(folder: Path, name: str, config: Mapping[str, Any]) -> None:
    path = _config_path(folder, name)
    is_json = path.suffix == ".json"
    path.write_text(json.dumps(config, indent=2) if is_json else yaml.safe_dump(config, sort_keys=False))


def _set(config: dict[str, Any], identity: str, value: Any) -> bool:
    """Set an id that exists; False when it does not."""
    parent_id, _, key = identity.rpartition("#")
    parent = look_up(config, parent_id) if parent_id else config
    if isinstance(parent, dict) and key in parent:
        parent[key] = value
        return True
    if isinstance(parent, list) and key.isdigit() and int(key) < len(parent):
        parent[int(key)] = value
        return True
    return False


def _expand(value: Any, config: Mapping[str, Any]) -> Any:
    """A config value with everything it refers to, except the regions, which the cohort decides."""
    if isinstance(value, Mapping):
        return {key: _expand(item, config) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, config) for item in value]
    if isinstance(value, str) and ("@" in value) and value != "@regions":
        references = {name: _expand(look_up(config, name), config) for name in _REFERENCE.findall(value)}
        return {"expression": value, "references": references}
    return value


def _channel_names(metadata: Mapping[str, Any], side: str, key: str) -> list[str]:
    definition = look_up(metadata, f"network_data_format#{side}#{key}#channel_def") or {}
    return [str(definition[index]) for index in sorted(definition, key=int)]


def _our_bundles() -> list[str]:
    return sorted(path.parent.name for path in _OURS.glob("*/configs"))
