"""FASTQ files: every damage is found, and nothing else."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medgantry.features.expression.quantification.fastq import count_pairs
from medgantry.ledger import Unusable


def fastq(names: list[str], bases: str = "ACGT") -> bytes:
    return "".join(f"@{name}\n{bases}\n+\n{'I' * len(bases)}\n" for name in names).encode()


def written(folder: Path, one: bytes, two: bytes) -> tuple[Path, Path]:
    paths = folder / "one.fq", folder / "two.fq"
    for path, content in zip(paths, (one, two), strict=True):
        path.write_bytes(content)
    return paths


NAMES = [f"read:{number}" for number in range(300)]
PACKED = gzip.compress(fastq(NAMES), mtime=0)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (fastq(NAMES), fastq(NAMES)),
        (PACKED, fastq(NAMES)),
        (gzip.compress(fastq(NAMES[:100])) + gzip.compress(fastq(NAMES[100:])), PACKED),  # as bgzip writes it
        (fastq([f"{name}/1" for name in NAMES]), fastq([f"{name}/2" for name in NAMES])),
        (fastq([f"{name} 1:N:0:A" for name in NAMES]), fastq([f"{name} 2:N:0:A" for name in NAMES])),
        (fastq(NAMES)[:-1], fastq(NAMES).replace(b"\n", b"\r\n")),
    ],
)
def test_sound_files_are_counted(tmp_path: Path, one: bytes, two: bytes) -> None:
    assert count_pairs(*written(tmp_path, one, two)) == 300


@pytest.mark.parametrize(
    ("one", "two", "rule"),
    [
        (b"", b"", "a FASTQ file has reads"),
        (fastq(NAMES), b"", "both files have as many reads"),
        (fastq(NAMES), fastq(NAMES[:-1]), "both files have as many reads"),
        (fastq(NAMES), fastq(NAMES[::-1]), "both files have the same reads in the same order"),
        (
            fastq([f"{n}/1" for n in NAMES]),
            fastq([f"{n}/1" for n in NAMES[1:] + NAMES[:1]]),
            "both files have the same",
        ),
        (fastq(NAMES), fastq(NAMES).replace(b"\n+\n", b"\n-\n", 1), "a record is"),
        (fastq(NAMES), fastq(NAMES).replace(b"IIII", b"III", 1), "a record is"),
        (fastq(NAMES), b">read:0\nACGT\n", "a record is"),
    ],
)
def test_damages_are_found(tmp_path: Path, one: bytes, two: bytes, rule: str) -> None:
    with pytest.raises(Unusable) as verdict:
        count_pairs(*written(tmp_path, one, two))
    assert verdict.value.rule.startswith(rule)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, len(PACKED) - 1))
def test_a_gzip_that_was_cut_off_is_found_wherever(
    tmp_path_factory: pytest.TempPathFactory, end: int
) -> None:
    paths = written(tmp_path_factory.mktemp("cut"), PACKED, PACKED[:end])
    with pytest.raises(Unusable, match="gzip stream is whole"):
        count_pairs(*paths)


@settings(max_examples=60, deadline=None)
@given(st.integers(10, len(PACKED) - 5), st.integers(1, 255))
def test_a_changed_byte_is_found_wherever(
    tmp_path_factory: pytest.TempPathFactory, place: int, bits: int
) -> None:
    broken = bytearray(PACKED)
    broken[place] ^= bits
    paths = written(tmp_path_factory.mktemp("changed"), PACKED, bytes(broken))
    with pytest.raises(Unusable):
        count_pairs(*paths)
