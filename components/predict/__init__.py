"""Apply a trained bundle to every case of a cohort."""

from components.predict.component import predict as predict
