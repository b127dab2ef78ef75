"""Made-up genes: random exons, and isoforms that are choices of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_GENES = 24
_ISOFORMS = (1, 2, 1, 3)
"""Cycled over."""
_EXONS = (4, 7)
_EXON_BASES = (220, 420)


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """One isoform."""

    name: str
    gene: str
    """Identifier of its gene."""
    symbol: str
    sequence: str


def make_transcripts(seed: int) -> list[Transcript]:
    """The transcripts of a phantom; the same seed gives the same."""
    rng = np.random.default_rng([seed, 0])
    made = []
    for number in range(_GENES):
        exons = [_bases(rng, int(rng.integers(*_EXON_BASES))) for _ in range(int(rng.integers(*_EXONS)))]
        for isoform in range(_ISOFORMS[number % len(_ISOFORMS)]):
            made.append(
                Transcript(
                    name=f"PHT{number:03d}{isoform}.1",
                    gene=f"PHG{number:03d}.1",
                    symbol=f"PHANTOM{number + 1}",
                    # The first has all exons, each other lacks one, so isoforms share most of their words.
                    sequence="".join(
                        exon for place, exon in enumerate(exons) if not isoform or place != isoform
                    ),
                )
            )
    return made


def write_fasta(transcripts: Sequence[Transcript]) -> str:
    """The transcripts with headers as Ensembl writes them."""
    return "".join(
        f">{one.name} cdna gene:{one.gene} gene_biotype:protein_coding gene_symbol:{one.symbol}\n{one.sequence}\n"
        for one in transcripts
    )


def _bases(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list("ACGT"), count))
