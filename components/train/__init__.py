"""Train a bundle on a cohort's training cases, resuming where an earlier attempt stopped."""

from components.train.component import train as train
