import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special
from sklearn import metrics

from medgantry.evaluation.classification import metrics as ours
from medgantry.evaluation.classification.metrics import ROC_POINTS, classification_metrics

CLASSES = ("nevus", "melanoma", "keratosis")
KEYS = {
    "auc",
    "pr_auc",
    "sensitivity",
    "recall",
    "frozen_sensitivity",
    "frozen_specificity",
    "accuracy",
    "balanced_accuracy",
    "prevalence",
    "confusion",
    "roc",
    "ece",
    "reliability",
    "nll",
    "brier",
    "specificity",
    "undefined",
}


def cohort(cases: int = 240) -> tuple[NDArray[np.int_], NDArray[np.float64], list[str]]:
    generator = np.random.default_rng(0)
    reference = generator.integers(0, 3, cases)
    logits = generator.normal(0, 1, (cases, 3)) + 1.5 * np.eye(3)[reference]
    return reference, special.softmax(logits, axis=1), [f"patient {index // 2}" for index in range(cases)]


def intervals(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, dict):
        if "low" in found and "method" in found:
            return [found]
        return [interval for value in found.values() for interval in intervals(value)]
    return []


def test_every_value_is_scikit_learns() -> None:
    reference, probabilities, groups = cohort()
    found = classification_metrics(reference, probabilities, CLASSES, groups)
    assert set(found) == KEYS
    predicted = probabilities.argmax(axis=1)
    for label, name in enumerate(CLASSES):
        truth, scores = reference == label, probabilities[:, label]
        assert found["auc"][name]["estimate"] == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-9)
        precision = metrics.average_precision_score(truth, scores)
        assert found["pr_auc"][name]["estimate"] == pytest.approx(precision, abs=1e-9)
        assert found["prevalence"][name] == truth.mean()
        assert found["recall"][name]["estimate"] == pytest.approx((predicted == label)[truth].mean())
    macro = metrics.roc_auc_score(reference, probabilities, multi_class="ovr")
    assert found["auc"]["macro"]["estimate"] == pytest.approx(macro, abs=1e-9)
    for name, expected in (
        ("accuracy", metrics.accuracy_score(reference, predicted)),
        ("balanced_accuracy", metrics.balanced_accuracy_score(reference, predicted)),
        ("nll", metrics.log_loss(reference, probabilities)),
        ("brier", metrics.brier_score_loss(reference, probabilities, scale_by_half=False)),
    ):
        assert found[name]["all"]["estimate"] == pytest.approx(expected, abs=1e-9)
    assert found["confusion"] == {
        "classes": list(CLASSES),
        "matrix": metrics.confusion_matrix(reference, predicted).tolist(),
    }
    assert found["undefined"] == []
    assert len(intervals(found)) == 3 * 4 + 1 + 4
    for interval in intervals(found):
        assert interval["low"] < interval["estimate"] < interval["high"]
        assert interval["high"] - interval["low"] < 0.35


def test_frozen_thresholds() -> None:
    reference, probabilities, groups = cohort()
    thresholds = {"nevus": 0.5, "melanoma": 0.25}
    found = classification_metrics(reference, probabilities, CLASSES, groups, thresholds=thresholds)
    truth, called = reference == 1, probabilities[:, 1] >= 0.25
    assert found["frozen_sensitivity"]["melanoma"]["estimate"] == pytest.approx(called[truth].mean())
    assert found["frozen_specificity"]["melanoma"]["estimate"] == pytest.approx((~called)[~truth].mean())
    assert "keratosis" not in found["frozen_sensitivity"]
    assert found["undefined"] == [
        "frozen_sensitivity of keratosis: no threshold was frozen for this class.",
        "frozen_specificity of keratosis: no threshold was frozen for this class.",
    ]


def test_curves_are_thinned_with_their_ends() -> None:
    reference, probabilities, groups = cohort(900)
    curve = classification_metrics(reference, probabilities, CLASSES, groups)["roc"]["nevus"]
    assert {len(values) for values in curve.values()} == {ROC_POINTS}
    assert (curve["fpr"][0], curve["tpr"][0], curve["fpr"][-1], curve["tpr"][-1]) == (0, 0, 1, 1)
    for values, sign in ((curve["fpr"], 1), (curve["tpr"], 1), (curve["thresholds"], -1)):
        assert (np.diff(values) * sign >= 0).all()


def test_a_class_without_cases_has_no_area_and_is_named() -> None:
    _, probabilities, groups = cohort()
    found = classification_metrics(np.arange(240) % 2, probabilities, CLASSES, groups)
    assert set(found["auc"]) == {"nevus", "melanoma", "macro"}
    assert set(found["roc"]) == set(found["recall"]) == {"nevus", "melanoma"}
    assert found["prevalence"]["keratosis"] == 0
    assert [sentence.split(":")[0] for sentence in found["undefined"]] == [
        f"{metric} of keratosis" for metric in ("recall", "auc", "pr_auc", "sensitivity", "roc")
    ]


ONE = np.array([[0.7, 0.2, 0.1]])


@pytest.mark.parametrize(
    ("reference", "probabilities"),
    [
        ([0], ONE),
        ([2], ONE),
        ([0] * 12, np.repeat(ONE, 12, axis=0)),
        ([1] * 12, np.repeat(ONE, 12, axis=0)),
        ([0, 1, 2] * 4, np.tile(np.eye(3), (4, 1))),
        ([1, 2, 0] * 4, np.tile(np.eye(3), (4, 1))),
        ([0, 1, 2] * 4, np.full((12, 3), 1 / 3)),
        ([0, 1, 2], np.eye(3)),
    ],
    ids=["one case", "one wrong", "one class", "one class, wrong", "right", "wrong", "constant", "one each"],
)
@pytest.mark.parametrize("owner", ["each", "pairs", "one"])
def test_degenerate_cohorts_are_finite(reference: list[int], probabilities: NDArray[Any], owner: str) -> None:
    divisor = {"each": 1, "pairs": 2, "one": 1000}[owner]
    groups = [str(index // divisor) for index in range(len(reference))]
    thresholds = dict.fromkeys(CLASSES, 0.5)
    found = classification_metrics(np.array(reference), probabilities, CLASSES, groups, thresholds=thresholds)
    json.dumps(found, allow_nan=False)
    for interval in intervals(found):
        assert interval["low"] <= interval["estimate"] <= interval["high"]
        assert interval["high"] - interval["low"] > 0.15


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3, st.integers(0, 9)), min_size=1, max_size=25
    )
)
def test_any_cohort_is_json(rows: list[tuple[int, ...]]) -> None:
    array = np.array(rows)
    probabilities = special.softmax(array[:, 1:4] * 2.0, axis=1)
    groups = [str(owner) for owner in array[:, 4]]
    with pytest.MonkeyPatch.context() as patch:
        # 500 draws each would take minutes over all examples.
        patch.setattr(ours, "bootstrap_interval", _quick)
        found = classification_metrics(array[:, 0], probabilities, CLASSES, groups)
    json.dumps(found, allow_nan=False)
    for interval in intervals(found):
        assert interval["low"] <= interval["estimate"] <= interval["high"]


def _quick(*arguments: Any, **options: Any) -> Any:
    from medgantry.statistics.resampling import bootstrap_interval

    return bootstrap_interval(*arguments, **options, resamples=20)


def test_what_is_no_classification_is_refused() -> None:
    reference, probabilities, groups = cohort(4)
    for broken, message in (
        ((reference[:0], probabilities[:0], CLASSES, []), "at least one case"),
        ((reference, probabilities, CLASSES[:2], groups), "4 cases of 2 classes"),
        ((reference, probabilities, CLASSES, groups[:3]), "got 3"),
        ((reference + 3, probabilities, CLASSES, groups), "index below 3"),
        ((reference, np.log(probabilities), CLASSES, groups), "softmax"),
        ((reference, probabilities / 2, CLASSES, groups), "sum to 1"),
        ((reference, probabilities, ("a", "b", "macro"), groups), "none of macro"),
    ):
        with pytest.raises(ValueError, match=message):
            classification_metrics(*broken)  # type: ignore[arg-type]
