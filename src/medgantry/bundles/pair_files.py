"""How a pair's files become a registration bundle's input: one key per role."""

from collections.abc import Sequence
from pathlib import Path

from medgantry.cohort import PAIR, File
from medgantry.errors import Mismatch
from medgantry.storage.files import fetch


def bring_pair(files: Sequence[File], folder: Path) -> dict[str, Path]:
    """Fetch a pair's files.

    Args:
        files: The pair's rows.
        folder: Scratch space.

    Returns:
        `fixed` and `moving`; with masks `fixed_mask` and `moving_mask`, with keypoints `fixed_keypoints` and
        `moving_keypoints` too.

    Raises:
        Mismatch: If an image is missing.
    """
    if missing := set(PAIR) - {file.role for file in files}:
        raise Mismatch(
            f"The bundle registers pairs; this case has no {' and no '.join(sorted(missing))} image.",
            "Read the source with ingest_pairs.",
        )
    return {file.role: fetch(file.uri, file.sha256, folder, file.format) for file in files}
