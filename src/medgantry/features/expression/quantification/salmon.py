"""salmon: making an index of transcripts, and counting the reads of a sample by it.

Its counts are not the same to the last digit twice: salmon 1.10 draws random numbers that no option fixes, also with
one thread. So a sample is quantified once, and what was kept first stands.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from medgantry.errors import InvalidInput
from medgantry.features.expression.quantification.program import last_words, run
from medgantry.ledger import Unusable
from medgantry.processes import THREADS

# Transcripts of one sequence stay apart: else one would vanish, and with it maybe a gene.
INDEX_OPTIONS = ("--keepDuplicates",)
QUANT_OPTIONS = ("--libType", "A")
_QUIET = "--no-version-check"
"""Else it asks a server for news."""
_COLUMNS = {
    "Name": ("transcript", pa.string()),
    "Length": ("length", pa.int64()),
    "EffectiveLength": ("effective_length", pa.float64()),
    "TPM": ("tpm", pa.float64()),
    "NumReads": ("fragments", pa.float64()),
}


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What salmon says of a sample."""

    pairs: int
    """Pairs of reads."""
    mapped: int
    """Pairs that are of a transcript."""
    library: str
    """Type of library, as salmon writes it: `IU` is unstranded, `ISR` what most stranded kits give."""
    fragment_mean: float
    """Length of fragments, bases."""
    fragment_sd: float

    @property
    def share_mapped(self) -> float:
        """Share of the pairs that are of a transcript, 0 to 1."""
        return self.mapped / self.pairs if self.pairs else 0.0


def salmon_version(folder: Path) -> str:
    """The version that is installed."""
    return last_words(run("salmon", [_QUIET, "--version"], folder))


def build_index(fasta: Path, decoys: Sequence[str], kmer: int, index: Path) -> None:
    """Index transcripts.

    Args:
        fasta: Transcripts, then decoys.
        decoys: Names of the decoys.
        kmer: Length of the words that are looked up: odd, 31 for reads of 75 bases or more, less for shorter ones.
        index: The folder to write.

    Raises:
        InvalidInput: If salmon refuses.
    """
    arguments: list[str | Path] = ["index", "--transcripts", fasta, "--index", index, "--kmerLen", str(kmer)]
    arguments += [*INDEX_OPTIONS, "--threads", str(THREADS)]
    if decoys:
        names = index.with_name("decoys.txt")
        names.write_text("\n".join(decoys) + "\n")
        arguments += ["--decoys", names]
    done = run("salmon", [_QUIET, *arguments], index.parent)
    if done.returncode:
        raise InvalidInput(
            f"salmon could not index the transcripts: {last_words(done)}.", "Check the FASTA file."
        )


def quantify(index: Path, mates: tuple[Path, Path], folder: Path) -> tuple[Quality, pa.Table]:
    """Count the pairs of a sample.

    Args:
        index: What `build_index` wrote.
        mates: Files of first and of second reads.
        folder: The folder to write.

    Returns:
        Quality, and a row per transcript: name, length, effective length, TPM and fragments.

    Raises:
        Unusable: If salmon cannot, as when fewer than ten pairs are of a transcript.
    """
    arguments: list[str | Path] = ["quant", "--index", index, *QUANT_OPTIONS, "--threads", str(THREADS)]
    arguments += ["--mates1", mates[0], "--mates2", mates[1], "--output", folder]
    done = run("salmon", [_QUIET, *arguments], folder.parent)
    if done.returncode:  # a table of zeros may lie there all the same
        raise Unusable(
            "salmon quantifies the sample", last_words(done), "Check that sample and reference fit."
        )
    facts = json.loads((folder / "aux_info" / "meta_info.json").read_text())
    quality = Quality(
        pairs=int(facts["num_processed"]),
        mapped=int(facts["num_mapped"]),
        library=str(facts["library_types"][0]),
        fragment_mean=float(facts["frag_length_mean"]),
        fragment_sd=float(facts["frag_length_sd"]),
    )
    types = {name: kind for name, (_, kind) in _COLUMNS.items()}
    found = pa_csv.read_csv(
        folder / "quant.sf",
        parse_options=pa_csv.ParseOptions(delimiter="\t"),
        convert_options=pa_csv.ConvertOptions(column_types=types),
    )
    return quality, found.rename_columns([_COLUMNS[name][0] for name in found.column_names])
