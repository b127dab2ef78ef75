import pytest

from benchmarks.coverage import SIMULATIONS, Scenario, areas, means, measure, several

SCENARIOS = {scenario.name: scenario for scenario in (*means(), *areas(), *several())}
NAMES = (
    "mean Dice, Beta(9, 1)",
    "share 0.8",
    "share 0.9; 1-3 images",
    "difference, normal",
    "AUC 0.8, prevalence 0.5",
    "AUC 0.9, prevalence 0.2",
)
SKEWED = "mean Dice, 10 % zeros, else Beta(9, 1)"


@pytest.mark.parametrize("scenario", [SCENARIOS[name] for name in NAMES], ids=NAMES)
def test_intervals_of_fifty_patients_hold_the_truth_as_often_as_they_say(scenario: Scenario) -> None:
    assert 0.93 <= measure(scenario, 50, peer=False).library <= 0.97


def test_so_do_those_of_the_most_skewed_values() -> None:
    # Its true coverage, 93.8 %, is too near 93 for the noise of 2000 cohorts.
    found = measure(SCENARIOS[SKEWED], 50, simulations=4 * SIMULATIONS, peer=False)
    assert 0.93 <= found.library <= 0.97
