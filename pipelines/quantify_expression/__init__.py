"""Paired reads of RNA to gene expression in the feature store."""

from pipelines.quantify_expression.pipeline import quantify_expression as quantify_expression
