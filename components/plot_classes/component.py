"""The component `plot_classes`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Evaluation


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def plot_classes(
    evaluation: dsl.Input[Evaluation],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    roc: dsl.Output[dsl.ClassificationMetrics],
    positive: str = "",
):
    """Show a classification's ROC curve and confusion matrix in KFP's UI.

    Args:
        evaluation: Of a classification bundle.
        positive: Class of the curve, against all others; empty for the mean over classes.

    Returns:
        confusion: Rows are what it is, columns the most probable class.
        roc: Sensitivity over 1 - specificity.
    """
    from pathlib import Path

    from medgantry.evaluation.charts import plot_classes_step

    charts = plot_classes_step(Path(evaluation.path), positive=positive)
    confusion.log_confusion_matrix(charts.classes, charts.matrix)
    roc.log_roc_curve(charts.fpr, charts.tpr, charts.thresholds)
