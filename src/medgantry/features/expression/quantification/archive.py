"""Reads of the Sequence Read Archive, by accession or from a `.sra` file, through the SRA toolkit."""

from pathlib import Path

from medgantry.features.expression.quantification.places import bring
from medgantry.features.expression.quantification.program import last_words, run
from medgantry.features.expression.quantification.sample import Sample
from medgantry.ledger import Unusable
from medgantry.processes import THREADS


def unpack_run(sample: Sample, folder: Path) -> tuple[Path, Path]:
    """Files of first and second reads of a run.

    Args:
        sample: Whose `sra` is an accession or a file.
        folder: Where they are written.

    Raises:
        Unusable: If the archive does not give the run, the file is damaged, or its reads are not paired.
    """
    source = folder / "run.sra"
    if sample.is_accession:
        done = run("prefetch", [sample.sra, "--max-size", "u", "--output-file", source], folder)
        if done.returncode:
            raise Unusable(
                "the archive gives the run", last_words(done), "Check accession and network, then repeat."
            )
    else:
        bring(sample.sra, source)
    options: list[str | Path] = ["--split-3", "--threads", str(THREADS), "--temp", folder, "--outdir", folder]
    done = run("fasterq-dump", [*options, source], folder)
    if done.returncode:
        raise Unusable("the file is a whole run of the archive", last_words(done), "Fetch it again.")
    mates = folder / "run_1.fastq", folder / "run_2.fastq"
    if not all(path.is_file() for path in mates):
        raise Unusable("reads are paired", "the run has single reads alone", "Leave the sample out.")
    return mates
