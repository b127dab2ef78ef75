"""The phantom from the command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.lung_pairs.pairs import write_pairs


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a folder from the command line.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.lung_pairs",
        description="Write synthetic chest CTs, breathed out and in, in the layout of Learn2Reg.",
    )
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--pairs", type=int, default=24, help="pairs listed, the damaged ones included")
    parser.add_argument("--damaged", type=int, default=0, help="how many of the last pairs are damaged")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    given = parser.parse_args(arguments)
    try:
        write_pairs(given.folder, pairs=given.pairs, damaged=given.damaged, seed=given.seed)
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")
