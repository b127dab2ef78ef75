"""Deal the cases of a cohort to shards of about equal size."""

from components.plan_shards.component import plan_shards as plan_shards
