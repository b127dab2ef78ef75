"""The phantom from the command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.nsclc.cohort import write_cohort


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a cohort from the command line, and say in one line what was written.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.nsclc",
        description="Write a synthetic NSCLC Radiogenomics cohort: CT with segmentations, clinical and expression tables.",
    )
    parser.add_argument("folder", type=Path, help="the cohort's folder")
    parser.add_argument("--patients", type=int, default=120, help="patients, the damaged ones included")
    parser.add_argument("--damaged", type=int, default=5, help="how many of the last patients are damaged")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    given = parser.parse_args(arguments)
    try:
        truth = write_cohort(given.folder, patients=given.patients, damaged=given.damaged, seed=given.seed)
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")
    told = truth["patients"]
    damages = [f"{one['case_id']} {one['damage']['name']}" for one in told if one["damage"]]
    damaged = f"; damaged: {', '.join(damages)}" if damages else ""
    print(f"{given.folder}: {len(told)} patients, {truth['events']} deaths seen{damaged}")
