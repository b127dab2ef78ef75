import dataclasses
import json
import time

import numpy as np
import pytest

from medgantry.evaluation.evaluation import Evaluation
from medgantry.statistics.survival.brier import brier_score, integrated
from medgantry.statistics.survival.concordance import uno_c
from medgantry.survival.evaluation.judging import judge
from medgantry.survival.predictions import Predictions
from tests.medgantry.survival.evaluation.cohort import make_predictions


def judged(predictions: Predictions) -> Evaluation:
    return judge(predictions, key="k", model_hash="m", horizons=[731.0], groups={}, champion=None)


def test_pooling_what_each_modality_sees_is_found_to_be_better() -> None:
    found = judged(make_predictions(subjects=150))
    assert found.metrics["pooled_minus_best_single"]["uno_c"]["low"] > 0
    assert found.metrics["uno_c"]["pooled"]["low"] > 0.5
    assert found.metrics["uno_c_difference"]["pooled_minus_clinical"]["low"] > 0
    assert found.metrics["risk_groups"]["log_rank"]["p"] < 0.001
    survival = [curve["survival"][-1] for curve in found.metrics["risk_groups"]["curves"].values()]
    assert survival == sorted(survival, reverse=True)


def test_risks_without_worth_are_found_to_have_none() -> None:
    sound = make_predictions(subjects=150)
    shuffled = np.random.default_rng(0).permutation(150)
    found = judged(dataclasses.replace(sound, time=sound.time[shuffled], event=sound.event[shuffled]))
    assert found.metrics["uno_c"]["pooled"]["low"] < 0.5 < found.metrics["uno_c"]["pooled"]["high"]
    gain = found.metrics["pooled_minus_best_single"]["uno_c"]
    assert gain["low"] < 0 < gain["high"]


def test_one_fold_gives_the_plain_metrics() -> None:
    predictions = make_predictions(repeats=1)
    whole = dataclasses.replace(predictions, fold=np.zeros_like(predictions.fold))
    found = judged(whole).metrics
    tau, grid = found["tau_days"], whole.grid[whole.grid <= found["tau_days"]]
    expected = uno_c(whole.time, whole.event, whole.risk["pooled"][0], tau)
    assert found["uno_c"]["pooled"]["estimate"] == pytest.approx(expected)
    score = brier_score(whole.time, whole.event, whole.survival["pooled"][0][:, : len(grid)], grid)
    assert found["integrated_brier"]["pooled"]["estimate"] == pytest.approx(integrated(score, grid))


def test_metrics_are_finite_and_fast() -> None:
    predictions = make_predictions(subjects=150, repeats=10)
    start = time.process_time()
    found = judged(predictions)
    assert time.process_time() - start < 10
    json.dumps(found.metrics, allow_nan=False)
    assert len(found.rows) == 150
    assert {"time", "event", "risk_group", "risk_pooled", "risk_clinical"} <= set(found.rows[0])
