"""Predict one task's cases with a trained bundle."""

from components.predict_part.component import predict_part as predict_part
