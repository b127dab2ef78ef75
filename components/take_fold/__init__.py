"""Let one fold of a cohort be its validation side."""

from components.take_fold.component import take_fold as take_fold
