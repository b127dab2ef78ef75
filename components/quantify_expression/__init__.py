"""Quantify the samples of one task with salmon; samples that were done before are taken as they are."""

from components.quantify_expression.component import quantify_expression as quantify_expression
