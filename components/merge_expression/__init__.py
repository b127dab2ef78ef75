"""Fold what the quantification tasks made into features of patients."""

from components.merge_expression.component import merge_expression as merge_expression
