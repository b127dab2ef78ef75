"""The phantom from the command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.skin_lesions.photos import write_photos


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a folder from the command line.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.skin_lesions",
        description="Write synthetic dermoscopic images in the layout of HAM10000.",
    )
    parser.add_argument("folder", type=Path, help="the folder to write")
    parser.add_argument("--images", type=int, default=70, help="images listed, the damaged ones included")
    parser.add_argument("--damaged", type=int, default=0, help="how many of the last images are damaged")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same pictures")
    parser.add_argument("--size", type=int, nargs=2, default=(90, 120), help="rows and columns")
    parser.add_argument("--published", action="store_true", help="classes as often as HAM10000 has them")
    parser.add_argument(
        "--spread", type=float, default=0.15, help="how far lesions lie from the middle at most"
    )
    parser.add_argument("--radius", type=float, default=1.0, help="times how large lesions are drawn")
    parser.add_argument("--masks", type=Path, help="another folder, for masks of the lesions")
    given = parser.parse_args(arguments)
    try:
        write_photos(
            given.folder,
            images=given.images,
            damaged=given.damaged,
            seed=given.seed,
            size=(given.size[0], given.size[1]),
            published=given.published,
            spread=given.spread,
            radius=given.radius,
            masks=given.masks,
        )
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")
