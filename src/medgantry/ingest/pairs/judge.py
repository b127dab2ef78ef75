"""Whether a pair can be registered, and judged: every file is read to its end."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medgantry.cohort import PAIR
from medgantry.fingerprint import hash_file
from medgantry.ingest.nifti_facts import NiftiFacts, check_aligned, read_facts
from medgantry.ingest.pairs.pair import KEYPOINTS, MASKS
from medgantry.ledger import Unusable


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """What the files of a pair are."""

    volumes: Mapping[str, NiftiFacts]
    """Role -> geometry and content of an image or a mask."""
    tables: Mapping[str, str]
    """Role -> SHA-256 of a CSV of keypoints."""


def judge_pair(paths: Mapping[str, Path], *, needs_masks: bool) -> PairFacts:
    """Check a pair and read its facts.

    Args:
        paths: Role -> file; one that is listed and missing has a path that does not exist.
        needs_masks: Whether other pairs of the source have masks.

    Raises:
        Unusable: If a file is missing or damaged, the files do not lie on one grid, a mask is empty or missing, or
            keypoints do not correspond.
    """
    for both in (MASKS, KEYPOINTS):
        alone = [role for role in both if role in paths]
        if len(alone) == 1:
            raise Unusable(
                "a pair has masks and keypoints of both images or of none",
                f"only {alone[0]} is listed",
                "List the other one too.",
            )
    if needs_masks and MASKS[0] not in paths:
        raise Unusable(
            "all pairs have masks when one has", "this pair has none", "Add its masks, or leave it out."
        )
    volumes: dict[str, NiftiFacts] = {}
    for role in (*PAIR, *MASKS):
        if role in paths:
            volumes[role] = _volume(role, paths[role])
            check_aligned(paths["fixed"].name, volumes["fixed"], paths[role].name, volumes[role])
    tables = {role: path for role, path in paths.items() if role in KEYPOINTS}
    if tables:
        _check_keypoints(tables, volumes["fixed"])
    return PairFacts(volumes=volumes, tables={role: hash_file(path) for role, path in tables.items()})


def _volume(role: str, path: Path) -> NiftiFacts:
    facts, codes = read_facts(path, is_label=role in MASKS)
    if len(facts.shape) != 3:
        raise Unusable(
            "images and masks have three axes", f"{path.name} has {facts.shape}", "Export it again."
        )
    if role in MASKS and not codes - {0}:
        raise Unusable("a mask marks something", f"{path.name} is 0 everywhere", "Segment the image again.")
    return facts


def read_keypoints(path: Path) -> NDArray[np.float64]:
    """Keypoints of a CSV without a header: (n, 3) i, j, k in voxels; 0, 0, 0 is the centre of the first.

    Raises:
        Unusable: If there are none, or a line is no three finite numbers.
    """
    if not path.is_file():
        raise Unusable("every listed file exists", f"{path.name} is missing", "Restore the file.")
    try:
        with path.open(newline="") as stream:
            points = np.array([[float(cell) for cell in row] for row in csv.reader(stream) if row])
    except ValueError as error:
        raise Unusable(
            "keypoints are numbers", f"{path.name}: {error}", "Write i,j,k, without a header."
        ) from error
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise Unusable(
            "keypoints are three finite numbers each", f"{path.name} has shape {points.shape}", "Write i,j,k."
        )
    return points


def _check_keypoints(paths: Mapping[str, Path], fixed: NiftiFacts) -> None:
    points = {role: read_keypoints(path) for role, path in paths.items()}
    counts = {role: len(found) for role, found in points.items()}
    if len(set(counts.values())) != 1:
        raise Unusable("keypoints correspond line by line", f"there are {counts}", "Leave out single ones.")
    places = points["fixed_keypoints"]
    outside = ~((places >= -0.5) & (places <= np.array(fixed.shape) - 0.5)).all(axis=1)
    if outside.any():
        raise Unusable(
            "fixed keypoints lie in the fixed image",
            f"{int(outside.sum())} of {len(places)} do not, such as {places[outside][0].tolist()}",
            "Give them in voxels, not mm.",
        )
