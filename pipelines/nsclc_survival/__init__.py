"""Images, clinical values and gene expression to a registered model of survival."""

from pipelines.nsclc_survival.pipeline import nsclc_survival as nsclc_survival
