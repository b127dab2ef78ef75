"""The curves and the matrix of KFP's UI."""

import numpy as np
import pytest
from kfp import dsl
from sklearn.metrics import auc, confusion_matrix, roc_auc_score

from medgantry.errors import InvalidInput
from medgantry.evaluation.charts import make_charts
from medgantry.evaluation.classification.measures import ClassificationMeasures, logit, probability
from medgantry.evaluation.evaluation import Evaluation

CLASSES = ["bcc", "mel", "nv"]


def evaluated(count, *, labels=(0, 1, 2), skill=1.0, seed=0):
    """An evaluation of drawn answers, with its labels and probabilities."""
    rng = np.random.default_rng(seed)
    reference = np.resize(np.array(labels), count)
    logits = np.round(rng.normal(0, 1, (count, 3)) + skill * np.eye(3)[reference], 1)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = [
        {
            "case_id": str(number),
            "group_id": str(number),
            "reference": CLASSES[reference[number]],
            "predicted": CLASSES[shares[number].argmax()],
            **{probability(name): float(shares[number, index]) for index, name in enumerate(CLASSES)},
            **{logit(name): float(logits[number, index]) for index, name in enumerate(CLASSES)},
        }
        for number in range(count)
    ]
    measures = ClassificationMeasures(CLASSES, {})
    return evaluation_of("classification", measures.summarise(rows), rows), reference, shares


def evaluation_of(task, metrics, rows):
    hashes = dict.fromkeys(("key", "cohort_hash", "split_hash", "weights_hash"), "0" * 64)
    return Evaluation(**hashes, task=task, split="test", primary=["auc", "macro"], metrics=metrics, rows=rows)


def check_curve(charts):
    columns = np.array([charts.fpr, charts.tpr, charts.thresholds])
    assert np.isfinite(columns).all()
    assert columns[:2, 0].tolist() == [0, 0]
    assert columns[:2, -1].tolist() == [1, 1]
    assert (np.diff(columns[:2]) >= 0).all()
    assert (np.diff(columns[2]) <= 0).all()


@pytest.mark.parametrize("count", [3, 7, 300])
@pytest.mark.parametrize("skill", [-2.0, 0.0, 1.0, 50.0])
def test_the_mean_curve_is_finite_monotone_and_whole(count, skill):
    evaluation, reference, shares = evaluated(count, skill=skill)
    charts = make_charts(evaluation, "")
    check_curve(charts)
    assert len(charts.fpr) < 1000
    if count == 300:
        wanted = roc_auc_score(reference, shares, multi_class="ovr", average="macro")
        assert auc(charts.fpr, charts.tpr) == pytest.approx(wanted, abs=0.01)


def test_a_network_that_knows_all_has_the_whole_area():
    """At 1 - specificity 0 the upper end of the step counts."""
    charts = make_charts(evaluated(300, skill=50.0)[0], "")
    assert charts.tpr == [0.0] + [1.0] * (len(charts.tpr) - 1)


@pytest.mark.parametrize("positive", CLASSES)
def test_a_classs_curve_is_its_own(positive):
    evaluation, reference, shares = evaluated(300)
    charts = make_charts(evaluation, positive)
    check_curve(charts)
    index = CLASSES.index(positive)
    wanted = roc_auc_score(reference == index, shares[:, index])
    assert auc(charts.fpr, charts.tpr) == pytest.approx(wanted, abs=0.005)


def test_the_matrix_has_the_truth_in_rows():
    evaluation, reference, shares = evaluated(90, labels=(0, 0, 1, 2, 2, 2))
    charts = make_charts(evaluation, "mel")
    assert charts.classes == CLASSES
    wanted = confusion_matrix(reference, shares.argmax(axis=1))
    assert charts.matrix == wanted.tolist()
    assert (wanted != wanted.T).any()


def test_kfp_takes_them():
    charts = make_charts(evaluated(60)[0], "")
    metrics = dsl.ClassificationMetrics()
    metrics.log_confusion_matrix(charts.classes, charts.matrix)
    metrics.log_roc_curve(charts.fpr, charts.tpr, charts.thresholds)
    points = metrics.metadata["confidenceMetrics"]
    assert points[0] == {"confidenceThreshold": 1.0, "recall": 0.0, "falsePositiveRate": 0.0}
    assert metrics.metadata["confusionMatrix"]["rows"][0]["row"] == charts.matrix[0]


def test_a_class_without_cases_takes_no_part_and_has_no_curve_of_its_own():
    evaluation, _, _ = evaluated(60, labels=(0, 2))
    check_curve(make_charts(evaluation, ""))
    with pytest.raises(InvalidInput, match=r"'mel'; there are \['bcc', 'nv'\]"):
        make_charts(evaluation, "mel")


def test_cases_of_one_class_alone_give_the_diagonal():
    charts = make_charts(evaluated(5, labels=(1,))[0], "")
    check_curve(charts)
    assert charts.fpr == charts.tpr


def test_what_has_no_such_curve_is_refused():
    with pytest.raises(InvalidInput, match=r"'cyst'; there are \['bcc', 'mel', 'nv'\]"):
        make_charts(evaluated(60)[0], "cyst")
    with pytest.raises(InvalidInput, match="of a segmentation"):
        make_charts(evaluation_of("segmentation", {"dice": {}}, []), "")
