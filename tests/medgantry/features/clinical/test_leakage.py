import numpy as np
import pytest

from medgantry.features.clinical.leakage import MOST_SUBJECTS, suspicions
from medgantry.features.column import Column

Table = dict[str, list[object]]


def table(seed: int, n: int = 120) -> Table:
    """Features with a hazard ratio of 2.2 per standard deviation at most, noise, and leaks of several kinds."""
    generator = np.random.default_rng(seed)
    strong, noise = generator.normal(size=n), generator.normal(size=n)
    death = generator.exponential(1000 * np.exp(-np.log(2.2) * strong))
    end = generator.uniform(200, 2500, size=n)
    event, time = death <= end, np.minimum(death, end)
    many = generator.integers(0, 100, size=n)
    return {
        "time": list(time),
        "event": list(event.astype(float)),
        "strong": list(strong),
        "noise": list(noise),
        "stage": [f"T{value}" for value in generator.integers(0, 8, size=n)],
        "doctor": [f"doctor {value}" for value in many],
        "gaps": [
            None if lost else value for lost, value in zip(generator.random(n) < 0.3, noise, strict=True)
        ],
        "leak_status": ["gone" if dead else "here" for dead in event],
        "leak_visits": list(np.round(time / 90) + generator.integers(0, 3, size=n)),
        "leak_gaps": [float(value) if dead else None for value, dead in zip(noise, event, strict=True)],
        "leak_mostly": [dead if generator.random() < 0.95 else not dead for dead in event],
    }


def found(values: Table) -> dict[str, bool]:
    columns = [
        Column(
            name=name,
            role="baseline",
            kind="category" if isinstance(cells[0], str) else "number",
            categories=tuple(sorted(set(cells))) if isinstance(cells[0], str) else (),
        )
        for name, cells in values.items()
        if name not in ("time", "event")
    ]
    rows = [dict(zip(values, cells, strict=True)) for cells in zip(*values.values(), strict=True)]
    return {item.column.name: item.flagged for item in suspicions(columns, rows)}


@pytest.mark.parametrize("seed", range(8))
def test_planted_leaks_are_flagged_and_features_are_not(seed: int) -> None:
    for name, flagged in found(table(seed)).items():
        assert flagged == name.startswith("leak"), name


def test_many_subjects_are_drawn_from_the_same_each_time() -> None:
    values = table(0, n=MOST_SUBJECTS + 500)
    kept = {name: values[name] for name in ("time", "event", "noise", "leak_status")}
    assert found(kept) == found(kept) == {"noise": False, "leak_status": True}


def test_too_few_subjects_tell_nothing() -> None:
    assert not any(found(table(0, n=12)).values())
