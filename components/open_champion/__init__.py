"""Bring the champion of a registered model."""

from components.open_champion.component import open_champion as open_champion
