"""The phantom from the command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.spleen.task import write_task


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a task folder from the command line.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.spleen",
        description="Write synthetic data in the format of the Decathlon's Task09_Spleen.",
    )
    parser.add_argument("folder", type=Path, help="the task folder to write")
    parser.add_argument("--cases", type=int, default=24, help="labelled cases, the broken ones included")
    parser.add_argument("--broken", type=int, default=0, help="how many of the last cases are damaged")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    given = parser.parse_args(arguments)
    try:
        write_task(given.folder, cases=given.cases, broken=given.broken, seed=given.seed)
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")
