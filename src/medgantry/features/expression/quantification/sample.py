"""One sample of a sheet."""

import re
from dataclasses import dataclass

_ACCESSION = re.compile(r"[SED]RR\d{5,}")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Where the reads of a patient are: two files, or a run of the Sequence Read Archive."""

    subject: str
    fastq_1: str = ""
    """URI of the first reads."""
    fastq_2: str = ""
    sra: str = ""
    """An accession, or the URI of a `.sra` file."""

    @property
    def is_accession(self) -> bool:
        """Whether the archive is asked for the run."""
        return bool(_ACCESSION.fullmatch(self.sra))

    @property
    def files(self) -> list[str]:
        """URIs of its files."""
        return [
            uri
            for uri in (self.fastq_1, self.fastq_2, self.sra)
            if uri and not (uri == self.sra and self.is_accession)
        ]
