"""Bring a model of survival that an earlier run made, and the table that it learnt from, and check them."""

from components.open_survival.component import open_survival as open_survival
