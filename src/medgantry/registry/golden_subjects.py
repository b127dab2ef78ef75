"""A survival model's golden case: two invented subjects, so that nobody's values travel with the model."""

from pathlib import Path

from medgantry.features.column import NUMBER, Column
from medgantry.features.table import ALWAYS, SUBJECT, TIMESTAMP, FeatureTable
from medgantry.registry.golden import FOLDER, Golden, GoldenInput
from medgantry.survival.model import SurvivalModel
from medgantry.survival.preparation.block import expanded

_NAMES = ("0-low", "1-high")  # predictions come sorted by these


def add_golden_subjects(model_folder: Path) -> None:
    """Put invented subjects, and what a model says of them, into its folder.

    The numbers that the model looks at lie a standard deviation below the mean of those it was fitted on, and above;
    the others are 0. Categories have their first declared value, and their last.
    """
    model = SurvivalModel.open(model_folder)
    scales = _scales(model)
    values = {column.name: _values(column, scales.get(column.name, (0.0, 0.0))) for column in model.features}
    rows = [
        {SUBJECT: name, TIMESTAMP: ALWAYS, **{feature: each[place] for feature, each in values.items()}}
        for place, name in enumerate(_NAMES)
    ]
    found = model.predict(FeatureTable(columns=model.features, rows=rows, entries=()))
    Golden(
        case_id="invented subjects",
        inputs=[GoldenInput(name=feature, values=each) for feature, each in values.items()],
        values={"risk": found.risk.tolist(), "survival": found.survival.ravel().tolist()},
        files={},
    ).save(model_folder / FOLDER)


def _scales(model: SurvivalModel) -> dict[str, tuple[float, float]]:
    """Mean and spread of the numbers that the model looks at, by name."""
    found: dict[str, tuple[float, float]] = {}
    for modality, columns in model.columns.items():
        names = [name for column in columns for name in expanded(column)]
        fitted = model.preparations[modality]
        known = [names[place] for place in fitted.columns]
        found.update(zip(known, zip(fitted.mean.tolist(), fitted.spread.tolist(), strict=True), strict=True))
    return found


def _values(column: Column, scale: tuple[float, float]) -> list[float | str | None]:
    """Of both subjects."""
    if column.kind != NUMBER:
        return [column.categories[0], column.categories[-1]] if column.categories else [None, None]
    mean, spread = scale
    return [mean - spread, mean + spread]
