"""Feast's own answer to what was known of subjects at their times, read from S3."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from medgantry.features.store.feast_library import load_feast
from medgantry.features.table import SUBJECT, TIMESTAMP

Values = Mapping[str, Any]


def open_feast(project: str, registry: Path, online: Mapping[str, Any] | None = None) -> Any:
    """A Feast `FeatureStore` on a copy of the registry.

    Args:
        project: Name of the Feast project.
        registry: The copy.
        online: Feast's `online_store`; None for none.
    """
    feast = load_feast()
    config = feast.RepoConfig(
        project=project,
        registry=str(registry),
        provider="local",
        offline_store={"type": "dask"},
        online_store=dict(online) if online else None,
        entity_key_serialization_version=3,
    )
    return feast.FeatureStore(config=config)


def ask_feast(
    feature_store: Any, view: str, names: Sequence[str], times: Mapping[str, datetime]
) -> dict[str, Values]:
    """Values of a view's columns by subject, each as of the subject's time.

    Subjects that the view knows nothing of have None; those that it knows only of later are not in the answer, which
    is why each view is asked alone: in a question about several, Feast 0.67 drops them with all that others know.
    """
    import pandas as pd

    entities = pd.DataFrame({SUBJECT: list(times), TIMESTAMP: pd.to_datetime(list(times.values()), utc=True)})
    features = [f"{view}:{name}" for name in names]
    found = feature_store.get_historical_features(entity_df=entities, features=features).to_df()
    columns = [found[name].tolist() for name in names]
    return {
        str(subject): {name: _none_for_nan(value) for name, value in zip(names, values, strict=True)}
        for subject, *values in zip(found[SUBJECT].tolist(), *columns, strict=True)
    }


def _none_for_nan(value: Any) -> Any:
    """Pandas has NaN for missing; a feature table never has."""
    return None if isinstance(value, float) and math.isnan(value) else value
