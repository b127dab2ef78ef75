"""Register a trained bundle with its evidence; it becomes champion if it is shown to be better."""

from components.register.component import register as register
