"""Judge a sheet of samples, index the transcripts and deal the samples to tasks."""

from components.plan_expression.component import plan_expression as plan_expression
