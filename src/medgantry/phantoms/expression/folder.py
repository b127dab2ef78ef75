"""Writing the reference, the reads, their sheet and the truth."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from medgantry.errors import InvalidInput
from medgantry.phantoms.expression.reads import Amount, make_amounts, make_fastq
from medgantry.phantoms.expression.transcripts import make_transcripts, write_fasta
from medgantry.phantoms.written import is_written, write_settings

DAMAGES = ("cut off", "mates of another order", "empty", "missing", "a record torn", "one read less")
"""What the last samples suffer, in turn."""
_SHEET = "samples.csv"
_FORMAT = 1  # raise it when the same settings no longer give the same reads


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides every byte of the folder; `write_reads` says what each means."""

    samples: int
    damaged: int
    pairs: int
    seed: int
    format: int = _FORMAT

    def __post_init__(self) -> None:
        if not 0 <= self.damaged <= self.samples or self.samples < 1 or self.pairs < 100 or self.seed < 0:
            raise InvalidInput(
                "Wanted at least one sample, 0 <= damaged <= samples, at least 100 pairs and a seed of 0 or more, "
                f"found {asdict(self)}."
            )


def write_reads(
    folder: Path, *, samples: int = 4, damaged: int = 0, pairs: int = 4000, seed: int = 0
) -> None:
    """Write `transcriptome.fa.gz`, `samples.csv`, `reads/` and `truth.csv`; do nothing where they are already.

    Args:
        folder: The folder; it is made when it does not exist.
        samples: Number of patients, the damaged ones included.
        damaged: How many at the end are damaged, cycling over DAMAGES.
        pairs: Pairs of reads of a sample.
        seed: A sample depends on the seed and its number, not on how many there are.

    Raises:
        InvalidInput: The settings make no sense.
        Mismatch: The folder holds something else.
    """
    settings = Settings(samples=samples, damaged=damaged, pairs=pairs, seed=seed)
    if is_written(folder, asdict(settings), folder / _SHEET):
        return
    write_settings(folder, asdict(settings))
    (folder / "reads").mkdir(exist_ok=True)
    transcripts = make_transcripts(seed)
    _pack(folder / "transcriptome.fa.gz", write_fasta(transcripts))
    sheet, truth = [], []
    for number in range(samples):
        subject = f"R01-{number + 1:03d}"
        files = [f"reads/{subject}_{mate}.fastq.gz" for mate in (1, 2)]
        amounts = make_amounts(transcripts, pairs, seed, number)
        mates = make_fastq(amounts, seed, number)
        position = number - (samples - damaged)
        _write_mates(
            [folder / file for file in files],
            mates,
            DAMAGES[position % len(DAMAGES)] if position >= 0 else "",
        )
        sheet.append({"subject_id": subject, "fastq_1": files[0], "fastq_2": files[1]})
        truth += [_line(subject, amount) for amount in amounts]
    _write_csv(folder / "truth.csv", truth)
    _write_csv(folder / _SHEET, sheet)


def _write_mates(paths: Sequence[Path], mates: tuple[str, str], damage: str) -> None:
    second = mates[1]
    records = second.split("\n@")
    if damage == "mates of another order":
        second = "\n@".join([records[0], *reversed(records[1:-1]), records[-1]])
    elif damage == "one read less":
        second = "\n@".join(records[:-1]) + "\n"
    elif damage == "a record torn":
        second = second.replace("\n+\n", "\n", 1)
    elif damage == "empty":
        second = ""
    _pack(paths[0], mates[0])
    _pack(paths[1], second)
    if damage == "cut off":
        paths[1].write_bytes(paths[1].read_bytes()[:-1000])
    elif damage == "missing":
        paths[1].unlink()


def _line(subject: str, amount: Amount) -> Mapping[str, str]:
    one = amount.transcript
    return {
        "subject_id": subject,
        "transcript": one.name,
        "gene": one.symbol,
        "fragments": str(amount.fragments),
        "tpm": f"{amount.tpm:.6f}",
    }


def _pack(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def _write_csv(path: Path, lines: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
