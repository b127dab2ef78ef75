"""Judge a model of survival by its out-of-fold predictions."""

from components.evaluate_survival.component import evaluate_survival as evaluate_survival
