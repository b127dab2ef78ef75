"""Tracking, against a real MLflow server."""

from mlflow import MlflowClient

from medgantry.tracking import TrackedRun

NAMES = [
    "train_loss",
    "test_auc_HER2+",
    "test_auc_HER2*",
    "test_auc_nevus, atypical",
    "test_auc_Grade I/II",
    "test_auc_I//II/",
    "test_auc_../../b",
    "/test",
    'test_auc_<b>x</b>&"',
    "test_auc_a\nb",
    "test_auc_\N{LATIN SMALL LETTER E WITH ACUTE}",
    "test_auc_" + "x" * 300 + "y",
    "test_auc_" + "x" * 300 + "z",
]


def test_a_metric_of_any_name_is_kept(store):
    run = TrackedRun("names", "names")
    run.metrics({name: float(number) for number, name in enumerate(NAMES)})
    kept = MlflowClient().get_run(run.run_id).data.metrics
    assert sorted(kept.values()) == [float(number) for number in range(len(NAMES))]
    assert kept["train_loss"] == 0.0
    assert kept["test_auc_Grade_I/II"] == NAMES.index("test_auc_Grade I/II")
    assert [run.curve_length(name) for name in NAMES] == [1] * len(NAMES)
