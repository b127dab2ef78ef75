"""Requests with photos, as a model server would log them."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from medgantry.ingest.photos.image import read_photo
from medgantry.monitoring.case_statistics import CaseStatistics, photo_statistics
from medgantry.monitoring.record import Record
from medgantry.monitoring.request_log import RequestLog
from medgantry.phantoms.skin_lesions import CLASSES
from medgantry.storage import ObjectStore
from tests.medgantry.monitoring.records import RELEASE


def log_photos(store: ObjectStore, model: str, folder: Path, *, brightness: float = 1.0) -> int:
    """Log a request for the first photo of each lesion of a phantom folder.

    Args:
        store: The store.
        model: The model's name.
        folder: What `write_photos` wrote.
        brightness: Factor of all pixels, of another camera.
    """
    table = [line.split(",") for line in (folder / "HAM10000_metadata.csv").read_text().splitlines()[1:]]
    first = {lesion: (image, answer) for lesion, image, answer, *_ in reversed(table)}
    log = RequestLog(store, model, CLASSES)
    for image, answer in first.values():
        data = next(folder.glob(f"*/{image}.jpg")).read_bytes()
        pixels = (read_photo(f"{image}.jpg", data)[0] * brightness).clip(0, 255).astype(np.uint8)
        log.add(
            Record(
                release=RELEASE,
                status="answered",
                seconds=0.1,
                time=datetime.now(UTC),
                inputs=[hashlib.sha256(data).hexdigest()],
                statistics=CaseStatistics(channels=photo_statistics(pixels)),
                probabilities={name: float(name == answer) for name in CLASSES},
            )
        )
    log.close()
    assert log.lost == 0
    return len(first)
