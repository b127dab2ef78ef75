"""What is computed of a region: pyradiomics' parameter document, checked once, and the names of what comes out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import yaml
from radiomics import getFeatureClasses
from radiomics.featureextractor import RadiomicsFeatureExtractor

from medgantry.errors import InvalidInput
from medgantry.parameters import json_object

CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape")
"""pyradiomics' default feature classes: 107 features of the original image."""
_SECTIONS = ("imageType", "featureClass", "setting")
_REFUSED = {
    **dict.fromkeys(("label", "label_channel"), "regions of the cohort are asked for by name"),
    **dict.fromkeys(
        ("correctMask", "geometryTolerance"), "a mask on another grid than its image is a verdict"
    ),
    **dict.fromkeys(("LBP2D", "LBP3D"), "they need libraries that the image of this step does not have"),
    "additionalInfo": "the table has a provenance of its own",
    "minimumROISize": "min_voxels says it",
    "shape2D": "the regions of a cohort are volumes",
}


@dataclass(frozen=True)
class Settings:
    """A parameter document as pyradiomics takes it, with image types and feature classes written out.

    Raises:
        InvalidInput: If pyradiomics does not know a name, a value makes no sense, or a setting is not ours to give.
    """

    document: Mapping[str, Any]

    def __post_init__(self) -> None:
        unknown = sorted(set(self.document) - set(_SECTIONS))
        if unknown:
            raise InvalidInput(f"settings may hold {', '.join(_SECTIONS)}, found {', '.join(unknown)}.")
        try:
            RadiomicsFeatureExtractor(dict(self.document))
        except (
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:  # the first is what its schema's checker raises
            raise InvalidInput(
                f"pyradiomics does not take these settings: {error}",
                "Its documentation lists the names and values of a parameter file.",
            ) from error
        self._check_ours()

    def _check_ours(self) -> None:
        asked = {**self.document["imageType"], **self.document["featureClass"], **self.setting}
        for custom in self.document["imageType"].values():
            asked |= custom
        for name, why in _REFUSED.items():
            if name in asked:
                raise InvalidInput(f"settings must not hold {name}: {why}.")
        empty = sorted(name for name, value in asked.items() if value is None)
        if empty:
            raise InvalidInput(
                f"settings {', '.join(empty)} are null.", "Leave them out for pyradiomics' default."
            )
        if len(self.setting.get("resampledPixelSpacing", (1, 1, 1))) != 3:
            raise InvalidInput(
                f"resampledPixelSpacing must be three numbers in mm, got {self.setting['resampledPixelSpacing']}."
            )
        if "LoG" in self.document["imageType"] and not self.of("LoG").get("sigma"):
            raise InvalidInput(
                'The image type LoG needs its widths in mm, such as {"LoG": {"sigma": [1, 3]}}.'
            )

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """From a component's parameter; empty text is pyradiomics' defaults.

        Raises:
            InvalidInput: If it is no JSON object, or see above.
        """
        found = json_object("settings", text)
        for section in set(found) & set(_SECTIONS):
            if not isinstance(found[section], dict):
                raise InvalidInput(f"{section} of settings must be a JSON object, got {found[section]!r}.")
        types = found.get("imageType") or {"Original": {}}
        classes = found.get("featureClass") or dict.fromkeys(CLASSES)
        return cls(
            {
                **found,
                "imageType": {name: custom or {} for name, custom in types.items()},
                "featureClass": {name: features or [] for name, features in classes.items()},
                "setting": found.get("setting", {}),
            }
        )

    @property
    def setting(self) -> Mapping[str, Any]:
        """The settings proper."""
        found: Mapping[str, Any] = self.document["setting"]
        return found

    def of(self, image_type: str) -> dict[str, Any]:
        """The settings of an image type: its own before those of all."""
        return {**self.setting, **self.document["imageType"][image_type]}

    @property
    def resamples(self) -> bool:
        """Whether images are brought to another spacing."""
        return "resampledPixelSpacing" in self.setting

    @property
    def yaml(self) -> str:
        """The parameter file: pyradiomics given it computes the same."""
        return yaml.safe_dump(dict(self.document), sort_keys=False)

    @cached_property
    def feature_names(self) -> Sequence[str]:
        """Every feature that each region must have, as pyradiomics names them."""
        asked: Mapping[str, Sequence[str]] = self.document["featureClass"]
        features = {name: chosen or _features(name) for name, chosen in asked.items()}
        shape = [f"original_shape_{feature}" for feature in features.pop("shape", ())]
        return shape + [
            f"{image}_{name}_{feature}"
            for image in self._image_names()
            for name, chosen in features.items()
            for feature in chosen
        ]

    def _image_names(self) -> Iterator[str]:
        for image_type in self.document["imageType"]:
            if image_type == "LoG":
                for sigma in self.of("LoG")["sigma"]:
                    yield f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"
            elif image_type == "Wavelet":
                yield from _wavelet_names(self.of("Wavelet"))
            else:
                yield image_type.lower()


def _features(name: str) -> list[str]:
    """Those of a class that are computed unless others are asked for."""
    found = getFeatureClasses()[name].getFeatureNames()
    return [feature for feature, deprecated in found.items() if not deprecated]


def _wavelet_names(setting: Mapping[str, Any]) -> Iterator[str]:
    """High and low passes along each axis, level by level; the last level's approximation at the end."""
    levels = int(setting.get("level", 1))
    bands = ["".join(passes) for passes in product("LH", repeat=2 if setting.get("force2D") else 3)]
    for level in range(1, levels + 1):
        prefix = "wavelet" if level == 1 else f"wavelet{level}"
        yield from (f"{prefix}-{band}" for band in bands if "H" in band)
    yield f"wavelet-{bands[0]}" if levels == 1 else f"wavelet{levels}-{bands[0]}"
