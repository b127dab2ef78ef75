"""Pairs of reads of fragments of transcripts, in known amounts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.expression.transcripts import Transcript

READ_BASES = 75
FRAGMENT_MEAN, FRAGMENT_SD = 200.0, 25.0
"""Bases."""
_ERRORS = 0.002
"""Share of bases that are read wrong."""
_RUN = "PHANTOM:1:FLOWCELL:1:1101:1000"
"""Begins the name of a read, as of Illumina's machines."""
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What a sample holds of a transcript."""

    transcript: Transcript
    fragments: int
    tpm: float
    """Of these fragments: fragments per place where one can begin, of a million."""


def make_amounts(transcripts: Sequence[Transcript], pairs: int, seed: int, sample: int) -> list[Amount]:
    """How many fragments a sample has of each transcript: shares that vary by a factor of a hundred, none at random."""
    rng = np.random.default_rng([seed, 1])
    molecules = rng.lognormal(0.0, 1.0, len(transcripts))  # of all samples
    molecules *= np.random.default_rng([seed, 2, sample]).lognormal(0.0, 0.3, len(transcripts))
    places = np.array([len(one.sequence) - FRAGMENT_MEAN + 1 for one in transcripts])
    share = molecules * places / (molecules * places).sum()
    fragments = np.floor(share * pairs).astype(int)
    rest = np.argsort(-(share * pairs - fragments), kind="stable")[: pairs - fragments.sum()]
    fragments[rest] += 1
    density = fragments / places
    tpm = 1e6 * density / density.sum()
    return [
        Amount(transcript=one, fragments=int(count), tpm=float(value))
        for one, count, value in zip(transcripts, fragments, tpm, strict=True)
    ]


def make_fastq(amounts: Sequence[Amount], seed: int, sample: int) -> tuple[str, str]:
    """First and second reads, in an order that tells nothing of the transcripts.

    Args:
        amounts: How many fragments of which transcript.
        seed: Of the phantom.
        sample: Number of the sample.
    """
    rng = np.random.default_rng([seed, 3, sample])
    pairs = [pair for amount in amounts for pair in _pairs(amount, rng)]
    mates: tuple[list[str], list[str]] = ([], [])
    for number, chosen in enumerate(rng.permutation(len(pairs)), start=1):
        for which, bases in enumerate(pairs[chosen]):
            mates[which].append(f"@{_RUN}:{number} {which + 1}:N:0:ACGT\n{bases}\n+\n{'I' * READ_BASES}\n")
    return "".join(mates[0]), "".join(mates[1])


def _pairs(amount: Amount, rng: np.random.Generator) -> list[tuple[str, str]]:
    sequence, count = amount.transcript.sequence, amount.fragments
    lengths = np.clip(
        rng.normal(FRAGMENT_MEAN, FRAGMENT_SD, count).round().astype(int), READ_BASES, len(sequence)
    )
    starts = rng.integers(0, len(sequence) - lengths + 1)
    found = []
    for start, length, turned in zip(starts, lengths, rng.random(count) < 0.5, strict=True):
        fragment = sequence[start : start + length]
        ends = fragment[:READ_BASES], fragment[-READ_BASES:].translate(_COMPLEMENT)[::-1]
        one, two = (_misread(end, rng) for end in (ends[::-1] if turned else ends))
        found.append((one, two))
    return found


def _misread(bases: str, rng: np.random.Generator) -> str:
    wrong: NDArray[np.intp] = np.flatnonzero(rng.random(len(bases)) < _ERRORS)
    letters = list(bases)
    for place in wrong:
        letters[place] = "ACGT"[("ACGT".index(letters[place]) + 1 + int(rng.integers(3))) % 4]
    return "".join(letters)
