"""A model of survival and its evidence to the registry."""

from components.register_survival.component import register_survival as register_survival
