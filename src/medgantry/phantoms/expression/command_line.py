"""The phantom from the command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.expression.folder import write_reads


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a folder from the command line.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.expression",
        description="Write paired reads of RNA with known abundances, their transcripts and a sheet of samples.",
    )
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument(
        "--samples", type=int, default=4, help="number of patients, the damaged ones included"
    )
    parser.add_argument("--damaged", type=int, default=0, help="how many of the last samples are damaged")
    parser.add_argument("--pairs", type=int, default=4000, help="pairs of reads of a sample")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same reads")
    given = parser.parse_args(arguments)
    try:
        write_reads(
            given.folder, samples=given.samples, damaged=given.damaged, pairs=given.pairs, seed=given.seed
        )
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")
