"""Programs of the system that steps run: salmon and the SRA toolkit."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from medgantry.errors import InvalidInput, MedgantryError
from medgantry.processes import die_with_parent

_PACKAGES = {"salmon": "salmon", "fasterq-dump": "sra-toolkit", "prefetch": "sra-toolkit"}
"""Program -> package of Debian."""
_TIME = re.compile(r"^\[[-\d :.]+\] |^\d{4}-\d\d-\d\dT[\d:]+ ")
_TROUBLE = re.compile(r"\b(err|error|exception|warning)\b", re.IGNORECASE)


def run(name: str, arguments: Sequence[str | Path], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, without a shell.

    Args:
        name: The program.
        arguments: Its arguments.
        folder: Where it runs.

    Returns:
        What it said, and its exit status.

    Raises:
        InvalidInput: If it is not installed.
        MedgantryError: If a signal ended it, as when memory runs out: not what its input is to blame for.
    """
    found = shutil.which(name)
    if found is None:
        raise InvalidInput(
            f"The program {name} is not installed.",
            f"apt-get install {_PACKAGES[name]}, or use the image genomics.",
        )
    done = subprocess.run(
        [found, *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        preexec_fn=die_with_parent,
    )
    if done.returncode < 0:
        raise MedgantryError(
            f"{name} was ended by signal {-done.returncode}.",
            "Give the step more memory, then repeat the command.",
        )
    return done


def last_words(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line that a program said of an error, or the last line at all, shortened."""
    lines = [_TIME.sub("", line.strip()) for line in f"{done.stdout}\n{done.stderr}".splitlines()]
    told = [line for line in lines if _TROUBLE.search(line)] or [line for line in lines if line]
    return (told[-1] if told else "it said nothing")[:300]
