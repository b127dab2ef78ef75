import numpy as np
import pytest

from medgantry.statistics.holm import holm


def test_holms_own_steps() -> None:
    # p times 4, 3, 2, 1 down the sorted list, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_nothing_exceeds_one_and_nothing_is_no_error() -> None:
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_any_false_alarm_among_twenty_is_rare() -> None:
    alarms = [min(holm(row)) <= 0.05 for row in np.random.default_rng(0).uniform(size=(2000, 20))]
    assert 0.03 < np.mean(alarms) < 0.065
