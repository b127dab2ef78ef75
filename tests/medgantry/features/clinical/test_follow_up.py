import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from medgantry.features.clinical.follow_up import median_follow_up


@pytest.mark.parametrize("seed", range(10))
def test_the_median_is_that_of_a_kaplan_meier_curve_with_events_and_ends_exchanged(seed: int) -> None:
    generator = np.random.default_rng(seed)
    times = generator.integers(1, 40, size=60).astype(float)  # with ties of events and ends
    events = generator.random(60) < 0.4
    wanted = KaplanMeierFitter().fit(times, ~events).median_survival_time_
    assert median_follow_up(list(times), list(events)) == wanted


def test_it_may_not_be_reached() -> None:
    assert median_follow_up([1, 2, 3], [False, True, True]) is None
