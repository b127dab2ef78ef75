"""Records of requests that nobody made."""

from datetime import UTC, datetime
from typing import Any

from medgantry.monitoring.case_statistics import CaseStatistics, ChannelStatistics
from medgantry.monitoring.record import Record

RELEASE = "ab" * 32
NAMES = ("CT", "age", "stage=T1", "stage=T2", "nevus", "melanoma", "liver")
TIME = datetime(2027, 3, 1, 12, tzinfo=UTC)


def channel(**changed: Any) -> ChannelStatistics:
    values = {
        "shape": [64, 64, 32],
        "spacing_mm": [0.7, 0.7, 3.0],
        "zeros": 0.1,
        "not_finite": 0.0,
        "quantiles": [-900.0, -800.0, -100.0, 20.0, 60.0, 200.0, 700.0],
    }
    return ChannelStatistics(**{**values, **changed})


def make(**changed: Any) -> Record:
    values = {
        "release": RELEASE,
        "status": "answered",
        "seconds": 1.5,
        "time": TIME,
        "inputs": ["cd" * 32],
        "statistics": CaseStatistics(
            channels={"CT": channel()}, features={"age": 61.0}, categories={"stage": "T2"}
        ),
        "probabilities": {"nevus": 0.8, "melanoma": 0.2},
        "volumes_ml": {"liver": 1500.0},
        "risk": 0.3,
    }
    return Record(**{**values, **changed})
