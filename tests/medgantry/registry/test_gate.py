"""Every outcome of the gate."""

import pytest

from medgantry.errors import InvalidInput
from medgantry.evaluation.evaluation import Evaluation
from medgantry.registry.gate import GateConfig, Incumbent, decide

CANDIDATE = Incumbent(version=3, model_hash="new")
CHAMPION = Incumbent(version=2, model_hash="old")


def evaluation(comparison, *, split="test", external=False):
    hashes = dict.fromkeys(("key", "cohort_hash", "split_hash", "weights_hash"), "0")
    return Evaluation(
        **hashes,
        task="classification",
        split=split,
        primary=("auc", "macro"),
        metrics={**comparison, "external": external},
        rows=[],
    )


def compared(low, *, estimate=0.05, subgroups=(), version=2, model_hash="old", incomparable=""):
    difference = {"estimate": estimate, "low": low, "high": 2 * estimate - low, "n": 90, "groups": 80}
    lines = [{"by": "sex", "value": name, "estimate": value} for name, value in subgroups]
    found = {"version": version, "model_hash": model_hash, "incomparable": incomparable}
    return evaluation({"comparison": {**found, "difference": difference, "subgroups": lines}})


def test_the_first_model_is_promoted():
    found = decide(evaluation({"comparison": None}), CANDIDATE, None, GateConfig())
    assert found.promoted
    assert "no champion" in found.reason


def test_the_champion_stays_champion():
    found = decide(evaluation({"comparison": None}), CHAMPION, CHAMPION, GateConfig())
    assert found.promoted


def test_the_same_model_under_another_version_is_not_promoted():
    same = Incumbent(version=3, model_hash="old")
    found = decide(evaluation({"comparison": None}), same, CHAMPION, GateConfig())
    assert not found.promoted
    assert "same model as version 2" in found.reason


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (evaluation({"comparison": None}), "does not compare it with version 2"),
        (compared(0.02, version=1), "compared with version 1 of a model, but the champion is now version 2"),
        (compared(0.02, model_hash="another model's"), "evaluate again"),
        (compared(0.02, incomparable="it was trained on all of these cases"), "trained on all of these"),
        (compared(-0.01), "-0.0100 to"),
        (compared(0.0, estimate=0.0), "does not clear min_gain 0"),
        (compared(0.02, subgroups=[("f", 0.1), ("m", -0.06)]), "sex m -0.0600"),
    ],
)
def test_what_is_not_shown_is_not_promoted(judged, reason):
    found = decide(judged, CANDIDATE, CHAMPION, GateConfig())
    assert not found.promoted
    assert reason in found.reason


@pytest.mark.parametrize("side", ["train", "validation"])
def test_sides_that_helped_to_make_it_promote_nothing(side):
    judged = evaluation({"comparison": None}, split=side)
    found = decide(judged, CANDIDATE, None, GateConfig())
    assert not found.promoted
    assert side in found.reason
    assert decide(
        evaluation({"comparison": None}, split="", external=True), CANDIDATE, None, GateConfig()
    ).promoted


def test_a_gain_that_clears_the_bound_is_promoted():
    judged = compared(0.02, subgroups=[("f", 0.1), ("m", -0.04), ("x", None)])
    assert decide(judged, CANDIDATE, CHAMPION, GateConfig()).promoted
    assert not decide(judged, CANDIDATE, CHAMPION, GateConfig(min_gain=0.02)).promoted
    assert not decide(judged, CANDIDATE, CHAMPION, GateConfig(max_subgroup_drop=0.03)).promoted


@pytest.mark.parametrize("wrong", [{"min_gain": float("nan")}, {"max_subgroup_drop": -0.1}])
def test_a_senseless_bound_is_refused(wrong):
    with pytest.raises(InvalidInput, match="min_gain"):
        GateConfig(**wrong)
