"""Judge a trained bundle on cases it has not seen, in source geometry."""

from components.evaluate.component import evaluate as evaluate
