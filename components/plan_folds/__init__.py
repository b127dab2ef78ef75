"""List the folds that a cohort is divided into."""

from components.plan_folds.component import plan_folds as plan_folds
