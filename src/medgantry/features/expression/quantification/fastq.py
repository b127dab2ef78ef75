"""Two FASTQ files as one: every record whole, every first read with its second."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, cast

from isal import igzip
from isal.igzip_lib import IsalError

from medgantry.ledger import Unusable

_GZIP = b"\x1f\x8b"
_BLOCK = 50_000
"""Records read at a time."""
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, cast("type[Exception]", IsalError))
_AGAIN = "Copy the file again from where it was made."


def count_pairs(first: Path, second: Path) -> int:
    """Read both files to their ends, with the checksums of gzip, and count the pairs.

    Args:
        first: File of first reads, plain or gzip.
        second: File of second reads, in the same order.

    Raises:
        Unusable: If a file is empty, damaged or no FASTQ, or the reads of a pair have different names.
    """
    pairs = 0
    with _opened(first, "fastq_1") as one, _opened(second, "fastq_2") as two:
        while True:
            mates = _names(one, "fastq_1", pairs), _names(two, "fastq_2", pairs)
            if len(mates[0]) != len(mates[1]):
                raise Unusable(
                    "both files have as many reads",
                    f"fastq_{1 + (len(mates[0]) > len(mates[1]))} ends after {pairs + min(map(len, mates))}",
                    _AGAIN,
                )
            if mates[0] != mates[1]:
                _compare(mates, pairs)
            if not mates[0]:
                break
            pairs += len(mates[0])
    if not pairs:
        raise Unusable("a FASTQ file has reads", "both are empty", _AGAIN)
    return pairs


@contextmanager
def _opened(path: Path, which: str) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    try:
        with cast("IO[bytes]", igzip.open(path, "rb")) if packed else path.open("rb") as stream:
            yield stream
    except _DAMAGE as error:
        raise Unusable("the gzip stream is whole", f"{which}: {error}", _AGAIN) from error


def _names(stream: IO[bytes], which: str, before: int) -> list[bytes]:
    """Names of the next records, each of four lines: @name, bases, +, as many qualities."""
    lines = list(islice(stream, 4 * _BLOCK))
    if not lines:
        return []
    if not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    heads, bases, pluses, qualities = (lines[start::4] for start in range(4))
    whole = len(lines) % 4 == 0 and list(map(len, bases)) == list(map(len, qualities))
    if not (whole and all(h[:1] == b"@" for h in heads) and all(p[:1] == b"+" for p in pluses)):
        raise Unusable(
            "a record is @name, bases, + and as many qualities",
            f"{which}: one of the records {before + 1} to {before + len(heads)} is not",
            _AGAIN,
        )
    return [head.split(None, 1)[0] for head in heads]


def _compare(mates: tuple[list[bytes], list[bytes]], before: int) -> None:
    """Names may differ in a /1 and /2 at their ends, and in nothing else."""
    for number, (one, two) in enumerate(zip(*mates, strict=True), start=before + 1):
        if one != two and not (one[:-2] == two[:-2] and (one[-2:], two[-2:]) == (b"/1", b"/2")):
            raise Unusable(
                "both files have the same reads in the same order",
                f"the names of pair {number} differ",
                "Pair the files again, or filter both together.",
            )
