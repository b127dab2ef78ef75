"""Deal the cases of a cohort to tasks that predict."""

from components.plan_predictions.component import plan_predictions as plan_predictions
