"""How metrics, candidates and days are called for a reader."""

from medgantry.survival.evaluation.measures import BASELINE

_METRICS = {
    "uno_c": (
        "Uno's C",
        "1",
        "chance that of two patients the one with the event first has the higher risk; 0.5 is guessing",
    ),
    "harrell_c": (
        "Harrell's C",
        "1",
        "the same over pairs as censoring left them, for comparison with the literature",
    ),
    "integrated_brier": ("Integrated Brier", "0", "squared error of predicted survival, averaged over time"),
    "scaled_brier": (
        "Scaled Brier",
        "1",
        "share of Kaplan-Meier's error that is saved; 0 or below: no better",
    ),
    "auc": ("AUC", "1", "of having had the event by then; 0.5 is guessing"),
    "observed_to_expected": ("Observed / expected", "1", "events seen for each one predicted"),
}
_DAY = "_day_"


def metric_name(metric: str) -> str:
    """A metric's short name; `auc_day_731` is `AUC at day 731 (2.0 years)`."""
    base, _, day = metric.partition(_DAY)
    short = _METRICS[base][0] if base in _METRICS else base
    return f"{short} at {horizon_name(float(day))}" if day else short


def metric_best(metric: str) -> str:
    """The best value it can have."""
    return _METRICS[metric.partition(_DAY)[0]][1]


def meanings() -> list[str]:
    """Each metric in a sentence."""
    return [f"{short}: {meaning}." for short, _, meaning in _METRICS.values()]


def candidate_name(candidate: str) -> str:
    """A candidate in words."""
    return "Kaplan-Meier" if candidate == BASELINE else candidate


def horizon_name(day: float) -> str:
    """A day with its years."""
    return f"day {day:g} ({day / 365.25:.1f} years)"
