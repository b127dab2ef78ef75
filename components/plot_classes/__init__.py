"""Show a classification's ROC curve and confusion matrix in KFP's UI."""

from components.plot_classes.component import plot_classes as plot_classes
