"""Write a small DICOM archive: python -m medgantry.phantoms.dicom FOLDER."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.dicom.archive import write_archive


def main(arguments: Sequence[str] | None = None) -> None:
    """Write an archive from the command line, and say in one line what was written.

    Args:
        arguments: The command line without the program's name; the process's own when None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m medgantry.phantoms.dicom",
        description="Write a synthetic DICOM archive: CT with a lesion, SEG or RTSTRUCT, series not to choose.",
    )
    parser.add_argument("folder", type=Path, help="the archive's folder")
    parser.add_argument("--patients", type=int, default=6, help="patients, the broken ones included")
    parser.add_argument("--broken", type=int, default=0, help="how many of the last patients are broken")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--identified", action="store_true", help="plant invented people's data everywhere")
    options = parser.parse_args(arguments)
    try:
        patients = write_archive(
            options.folder, patients=options.patients, broken=options.broken, seed=options.seed,
            identified=options.identified,
        )  # fmt: skip
    except InvalidInput as error:
        parser.exit(2, f"{error}\n")
    damages = [patient.damage for patient in patients if patient.damage]
    files = sum(len(patient.files) for patient in patients)
    broken = f" ({len(damages)} broken: {', '.join(damages)})" if damages else ""
    print(f"{options.folder}: {len(patients)} patients{broken}, {files} files")


if __name__ == "__main__":
    main()
