"""The `Bundle` noun: a MONAI bundle folder, read without torch or MONAI.

    configs/metadata.json, configs/train.{json,yaml}, configs/inference.{json,yaml}
    models/model.pt      weights, once trained
    ensemble.json        several weights in place of these, for an ensemble
    provenance.json      where the weights are from, once trained by us

Source of the layout: MONAI Bundle specification, https://docs.monai.io/en/stable/mb_specification.html.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from medgantry.bundles.channels import match_channels
from medgantry.bundles.config_files import find_config, read_config
from medgantry.bundles.config_ids import look_up
from medgantry.bundles.ensemble import Ensemble
from medgantry.bundles.stages import deterministic_part
from medgantry.cohort import Cohort
from medgantry.cohort.targets import DIAGNOSIS
from medgantry.errors import InvalidBundle, Mismatch
from medgantry.fingerprint import hash_file, hash_value, walk_files

WEIGHTS = "models/model.pt"
PRETRAINED = "models/pretrained.pt"
"""Weights of another task, where training begins as far as they fit; gone once trained."""
PROVENANCE = "provenance.json"
BACKGROUND = "background"
Task = Literal["segmentation", "classification", "registration"]
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
        if self.task != "registration" and not (self.input_channels and self.outputs):
            raise InvalidBundle(
                f"{self.folder.name} must name its channels in network_data_format (channel_def)."
            )
        for name in ("train", "inference"):
            if find_config(self.folder, name):
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
    def takes_channels_apart(self) -> bool:
        """Whether its transforms want one file per channel: they say nowhere that channels come first."""
        return "channel_first" not in json.dumps(self.inference_config).replace(
            "ChannelFirst", "channel_first"
        )

    @property
    def channels_out(self) -> list[str]:
        """Names of the network's output channels, in its order."""
        return _channel_names(self.metadata, "outputs", "pred")

    @property
    def outputs(self) -> list[str]:
        """What the network tells apart: its output channels without the background."""
        return [name for name in self.channels_out if name.lower() != BACKGROUND]

    @property
    def task(self) -> Task:
        """What the network's output is: masks of regions, one score per class, or a displacement field."""
        output = look_up(self.metadata, "network_data_format#outputs#pred") or {}
        if output.get("type") == "displacement":
            return "registration"
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

    @cached_property
    def ensemble(self) -> Ensemble | None:
        """The networks that answer together; None for a single one."""
        return Ensemble.open(self.folder)

    @property
    def weights(self) -> Path | None:
        """The weights' file, if the bundle has any.

        Raises:
            InvalidBundle: If it is an ensemble, which has several.
        """
        if self.ensemble:
            raise InvalidBundle(
                f"{self.folder.name} is an ensemble of {len(self.ensemble.members)}, and one network was wanted.",
                "Use the bundle of one of its members.",
            )
        path = self.folder / WEIGHTS
        return path if path.is_file() else None

    @property
    def weights_files(self) -> list[Path]:
        """The weights of every network that answers: one, or an ensemble's; empty before training."""
        if self.ensemble:
            return [self.folder / member.weights for member in self.ensemble.members]
        return [self.weights] if self.weights else []

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the weights' file; of an ensemble, of all of them and of how they answer together."""
        if not self.ensemble:
            return hash_file(self.folder / WEIGHTS)
        return hash_value([asdict(self.ensemble), [hash_file(path) for path in self.weights_files]])

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
        return hash_value([deterministic_part(self.train_config), self.input_channels, self.outputs])

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
        match_channels(self.input_channels, cohort.channels)


def _channel_names(metadata: Mapping[str, Any], side: str, key: str) -> list[str]:
    place = f"network_data_format#{side}#{key}"
    definition = look_up(metadata, f"{place}#channel_def") or look_up(metadata, f"{place}#label_def") or {}
    return [str(definition[index]) for index in sorted(definition, key=int)]
