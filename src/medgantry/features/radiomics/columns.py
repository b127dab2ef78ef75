"""The columns of a table of radiomics: names that stores take, and units."""

from dataclasses import dataclass

from medgantry.errors import InvalidInput
from medgantry.features.column import BASELINE, NUMBER, Column, safe_name
from medgantry.features.radiomics.config import RadiomicsConfig

MODALITY = "radiomics"
_UNITS = {
    "MeshVolume": "mm3",
    "VoxelVolume": "mm3",
    "SurfaceArea": "mm2",
    "SurfaceVolumeRatio": "/mm",
    **dict.fromkeys(("MajorAxisLength", "MinorAxisLength", "LeastAxisLength", "Maximum3DDiameter"), "mm"),
    **dict.fromkeys(("Maximum2DDiameterSlice", "Maximum2DDiameterColumn", "Maximum2DDiameterRow"), "mm"),
}
"""Of shapes; what is made of intensities has their unit, which a volume does not say, in some power."""


@dataclass(frozen=True, kw_only=True)
class FeatureColumn:
    """A column and where its values are found."""

    column: Column
    region: str
    feature: str


def feature_columns(config: RadiomicsConfig) -> list[FeatureColumn]:
    """A column for each feature of each region; the region is part of its name where there are several.

    Raises:
        InvalidInput: If two regions would share their names.
    """
    several = len(config.regions) > 1
    found: dict[str, FeatureColumn] = {}
    for region in config.regions:
        for feature in config.settings.feature_names:
            name = safe_name(f"{region}_{feature}" if several else feature)
            if name in found:
                raise InvalidInput(
                    f"Regions {found[name].region!r} and {region!r} would share the column {name}.",
                    "Give one of them another name.",
                )
            found[name] = FeatureColumn(column=_column(name, region, feature), region=region, feature=feature)
    return list(found.values())


def _column(name: str, region: str, feature: str) -> Column:
    return Column(
        name=name,
        role=BASELINE,
        kind=NUMBER,
        unit=_UNITS.get(feature.rpartition("_")[2], "") if "_shape_" in feature else "",
        source=feature,
        modality=MODALITY,
        description=f"{feature} of {region}",
    )
