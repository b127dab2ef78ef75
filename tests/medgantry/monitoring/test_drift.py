from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from medgantry.monitoring.drift import CLASS, LEAST, LEVEL, find_drift
from medgantry.monitoring.observation import Observation
from tests.medgantry.monitoring.observations import draw

WINDOWS = 200


def test_false_alarms_over_undrifted_windows_stay_within_the_level() -> None:
    """Each window with a reference of its own; features are correlated, discrete and constant."""
    rng = np.random.default_rng(0)
    found = [find_drift(draw(rng, 120), draw(rng, 60)) for _ in range(WINDOWS)]
    alarms = sum(bool(drift.drifted) for drift in found)
    print(f"{alarms} of {WINDOWS} windows raised a false alarm")
    # 15 or fewer in 95 of 100 such series, were the true rate the level itself.
    assert alarms <= stats.binom.ppf(0.95, WINDOWS, LEVEL)
    uncorrected = sum(min(f.p for f in drift.features) <= LEVEL for drift in found)
    assert uncorrected > 2 * stats.binom.ppf(0.95, WINDOWS, LEVEL), "the correction has nothing to do here"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"shift": 100.0}, {"FLAIR intensity at 0", "T1w intensity at 0"}),
        ({"scale": 1.15}, {"FLAIR intensity at 2", "T1w intensity at 2"}),
        ({"spacings": (0.7, 0.8, 1.0, 1.0)}, {"FLAIR spacing", "T1w spacing"}),
        ({"shares": (0.4, 0.5, 0.1)}, {CLASS}),
        (
            {"shift": -300.0, "scale": 1.3, "spacings": (0.5,)},
            {"FLAIR intensity at -2", "FLAIR spacing", "T1w spacing"},
        ),
    ],
    ids=["intensity shift", "intensity scale", "spacing", "class shares", "other scanner"],
)
def test_planted_drift_is_found_and_named(change: dict[str, Any], expected: set[str]) -> None:
    rng = np.random.default_rng(1)
    drift = find_drift(draw(rng, 300), draw(rng, 150, **change))
    named = {feature.name for feature in drift.drifted}
    assert expected <= named
    kinds = {name.split()[1] if " " in name else name for name in named}
    assert kinds <= {name.split()[1] if " " in name else name for name in expected}, "only what was planted"


def test_an_effect_says_how_far() -> None:
    rng = np.random.default_rng(2)
    drift = find_drift(draw(rng, 2000), draw(rng, 1000, shift=100.0))
    found = {feature.name: feature for feature in drift.features}
    assert found["T1w intensity at 0"].effect == pytest.approx(1.05, abs=0.1)
    assert found["size"].effect == pytest.approx(0, abs=0.1)
    assert found["share not finite"].effect is None


def test_too_few_are_said_and_not_judged() -> None:
    rng = np.random.default_rng(3)
    for before, now in ((100, LEAST - 1), (LEAST - 1, 100), (100, 0)):
        drift = find_drift(draw(rng, before), draw(rng, now, shift=1e6))
        assert not drift.judged
        assert drift.drifted == []
        assert f"{before} in the reference, {now} in the requests" in drift.untested["size"]
    assert find_drift(draw(rng, LEAST), draw(rng, LEAST)).judged


def test_an_input_that_ceases_to_arrive_is_drift() -> None:
    rng = np.random.default_rng(4)
    window = draw(rng, 60)
    without = [replace(one, inputs={k: v for k, v in one.inputs.items() if k != "size"}) for one in window]
    drift = find_drift(draw(rng, 200), without)
    assert [feature.name for feature in drift.drifted] == ["size"]
    assert drift.drifted[0].requests == {"missing": 1.0}


def test_a_category_that_shifts_or_ceases_to_arrive_is_drift_and_one_that_stays_is_none() -> None:
    rng = np.random.default_rng(8)

    def rows(count: int, shares: tuple[float, ...], known: float = 1.0) -> list[Observation]:
        return [
            Observation(
                inputs={"age": float(rng.normal())},
                categories={"stage": str(rng.choice(["T1", "T2", "T3"], p=shares))}
                if rng.random() < known
                else {},
            )
            for _ in range(count)
        ]

    usual = rows(200, (0.6, 0.3, 0.1), 0.9)
    assert find_drift(usual, rows(60, (0.6, 0.3, 0.1), 0.9)).drifted == []
    (moved,) = find_drift(usual, rows(60, (0.2, 0.3, 0.5), 0.9)).drifted
    assert (moved.name, moved.test) == ("stage", "chi-square")
    (gone,) = find_drift(usual, rows(60, (0.6, 0.3, 0.1), 0.0)).drifted
    assert gone.requests == {"missing": 1.0}
    untested = find_drift([replace(one, categories={}) for one in usual], usual).untested
    assert untested["stage"].startswith("0 in the reference")


def test_a_refused_request_is_no_input_and_one_of_whom_nothing_is_known_is_one() -> None:
    usual = [Observation(inputs={"age": float(age)}, outputs={"risk": 0.0}) for age in range(40)]
    assert find_drift(usual, [*usual, *[Observation()] * 200]).drifted == []
    (gone,) = find_drift(usual, [*usual, *[Observation(outputs={"risk": 0.0})] * 200]).drifted
    assert gone.name == "age"


def test_a_request_without_an_answer_is_no_drift_of_answers() -> None:
    rng = np.random.default_rng(5)
    window = [*draw(rng, 60), *(replace(one, outputs={}, answer="") for one in draw(rng, 200))]
    assert find_drift(draw(rng, 200), window).drifted == []


def test_what_only_requests_have_is_named() -> None:
    rng = np.random.default_rng(6)
    window = [replace(one, inputs={**one.inputs, "new": 1.0}) for one in draw(rng, 60)]
    drift = find_drift(draw(rng, 60), window)
    assert drift.untested == {"new": "0 in the reference, 60 in the requests; 20 are needed"}
    assert drift.drifted == []


def test_hundreds_of_features_do_not_hide_one_that_changed() -> None:
    """Holm's first step must be in reach of a permutation's p-value."""
    rng = np.random.default_rng(7)

    def rows(changed: float) -> list[Observation]:
        noise = rng.normal(size=(60, 520))
        return [
            Observation(inputs={"changed": changed, **{f"f{i}": float(v) for i, v in enumerate(row)}})
            for row in noise
        ]

    assert [feature.name for feature in find_drift(rows(0.0), rows(1.0)).drifted] == ["changed"]
