"""Tables without images: planted effects are what a Cox model finds, at the censoring that is declared."""

import numpy as np
import pandas as pd
import pytest

from medgantry.phantoms.nsclc.hazard import PLANTED, HazardRatios
from medgantry.phantoms.nsclc.radiomics import FEATURES
from medgantry.phantoms.nsclc.tables import CATEGORIES, NUMBERS, Tables, make_tables


@pytest.fixture(scope="module")
def tables() -> Tables:
    return make_tables(400, seed=11, without_radiomics=0.1, without_expression=0.2)


def cox(tables: Tables, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    lifelines = pytest.importorskip("lifelines")
    frame = pd.DataFrame({**columns, "time": tables.time_days, "event": tables.event}).dropna()
    summary: pd.DataFrame = lifelines.CoxPHFitter().fit(frame, "time", "event").summary
    return summary


@pytest.mark.parametrize(
    "ratios",
    [HazardRatios(), HazardRatios(radiomics=1.0, clinical=1.5, expression=2.0)],
    ids=["equal", "unequal"],
)
def test_a_cox_model_recovers_the_planted_ratios(ratios: HazardRatios) -> None:
    tables = make_tables(400, seed=2, hazard_ratios=ratios)
    found = cox(tables, dict(tables.latents))
    for name, planted in PLANTED.items():
        wanted = planted.sign * np.log(ratios.of(name))
        assert abs(found.loc[name, "coef"] - wanted) < 3 * found.loc[name, "se(coef)"]
    assert 0.48 < tables.event.mean() < 0.62


def test_measured_columns_carry_the_latent_values(tables: Tables) -> None:
    measured = {}
    for name, column in tables.planted.items():
        values = tables.columns[name][column]
        known = np.isfinite(values)
        assert np.corrcoef(values[known], tables.latents[name][known])[0, 1] > 0.95
        measured[name] = (values - np.nanmean(values)) / np.nanstd(values)
    found = cox(tables, measured)
    assert all(np.sign(found.loc[name, "coef"]) == PLANTED[name].sign for name in PLANTED)
    assert (found["p"] < 1e-6).all()


def test_columns_and_missing_modalities(tables: Tables) -> None:
    radiomics = np.array(list(tables.columns["radiomics"].values()))
    expression = np.array(list(tables.columns["expression"].values()))
    lost = np.isnan(radiomics).all(axis=0)
    assert (np.isnan(radiomics).any(axis=0) == lost).all()
    assert 0.05 < lost.mean() < 0.15
    assert 0.14 < np.isnan(expression).all(axis=0).mean() < 0.26
    assert tuple(tables.columns["clinical"]) == (*NUMBERS, *CATEGORIES)
    smoking, pack_years = (tables.columns["clinical"][name] for name in ("smoking", "pack_years"))
    assert (pack_years[smoking == "Nonsmoker"] == 0).all()
    assert np.isnan(pack_years[smoking != "Nonsmoker"]).any()
    assert None in set(tables.columns["clinical"]["egfr"])
    correlated = np.abs(np.corrcoef(radiomics[:, ~lost])) > 0.8
    assert 100 < correlated.sum() - len(radiomics) < 2000
    assert (radiomics[:, ~lost].std(axis=1) > 0.8).all()


def test_the_same_arguments_give_the_same_values_and_a_start_of_a_larger_cohort(tables: Tables) -> None:
    again = make_tables(30, seed=11, without_radiomics=0.1, without_expression=0.2)
    assert (again.time_days == tables.time_days[:30]).all()
    for modality, columns in again.columns.items():
        for name, values in columns.items():
            assert pd.Series(values).equals(pd.Series(tables.columns[modality][name][:30])), name
    assert (make_tables(30, seed=12).time_days != again.time_days).any()


def test_names_are_those_of_pyradiomics() -> None:
    radiomics = pytest.importorskip("radiomics")
    names = {
        f"original_{kind}_{name}"
        for kind, features in radiomics.getFeatureClasses().items()
        if kind != "shape2D"
        for name, deprecated in features.getFeatureNames().items()
        if not deprecated
    }
    assert set(FEATURES) == names
    assert len(FEATURES) == 107
