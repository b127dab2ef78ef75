"""A sheet of samples, judged: a CSV with the columns subject_id, fastq_1, fastq_2 and, or instead of these, sra."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from medgantry.errors import InvalidInput
from medgantry.features.expression.quantification.places import mark, resolve
from medgantry.features.expression.quantification.sample import Sample
from medgantry.ingest.dicom.names import Names
from medgantry.ledger import Entry, Unusable

STEP = "plan_expression"
_READS = ("fastq_1", "fastq_2", "sra")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a sheet lists."""

    samples: Mapping[Sample, Mapping[str, str]]
    """A sample -> its files, and for each what changes when it does."""
    entries: list[Entry]
    """Verdicts about lines that cannot be used."""


def read_sheet(data: bytes, uri: str, names: Names) -> Sheet:
    """Read and judge a sheet; no file of reads is opened.

    Args:
        data: The sheet.
        uri: Where it is: paths in it are relative to its folder.
        names: What patients are called from here on.

    Raises:
        InvalidInput: If it is no such table.
    """
    listed = _listed(data, uri, names)
    patients = Counter(sample.subject for _, sample in listed if sample.subject)
    files = Counter(file for _, sample in listed for file in set(sample.files))
    samples: dict[Sample, Mapping[str, str]] = {}
    entries: dict[str, Entry] = {}
    for number, sample in listed:
        item = sample.subject or f"line {number}"
        try:
            _check_line(sample, patients, files)
            samples[sample] = _marks(sample)
        except Unusable as verdict:
            entries[item] = verdict.entry(item, STEP)
    return Sheet(samples=samples, entries=list(entries.values()))


def _listed(data: bytes, uri: str, names: Names) -> list[tuple[int, Sample]]:
    try:
        lines = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"The sheet must be a CSV in UTF-8: {error}.", "Save it again.") from error
    columns = set(lines[0]) if lines else set()
    if "subject_id" not in columns or not columns.intersection(_READS):
        raise InvalidInput(
            "The sheet must have lines with the columns subject_id, fastq_1 and fastq_2, or subject_id and sra; "
            f"found {len(lines)} lines with {sorted(map(str, columns))}.",
            "Name its columns so.",
        )
    samples = []
    for number, line in enumerate(lines, start=2):
        cells = {key: (line.get(key) or "").strip() for key in ("subject_id", *_READS)}
        subject = names.patient(cells["subject_id"]) if cells["subject_id"] else ""
        sample = Sample(subject=subject, **{key: cells[key] for key in _READS})
        places = {
            key: resolve(cells[key], uri) for key in _READS if cells[key] and cells[key] in sample.files
        }
        samples.append((number, replace(sample, **places)))
    return samples


def _check_line(sample: Sample, patients: Mapping[str, int], files: Mapping[str, int]) -> None:
    if not sample.subject:
        raise Unusable("a line names a patient", "subject_id is empty", "Name the patient.")
    if patients[sample.subject] > 1:
        raise Unusable(
            "a patient has one sample",
            f"{patients[sample.subject]} lines",
            "Keep the tumour's sample; join the files of its lanes.",
        )
    given = [name for name in _READS if getattr(sample, name)]
    if given not in (["fastq_1", "fastq_2"], ["sra"]):
        raise Unusable(
            "a line names two files, or a run of the archive",
            f"it has {', '.join(given) or 'none'}",
            "Fill in fastq_1 and fastq_2, or sra.",
        )
    if sample.fastq_1 and sample.fastq_1 == sample.fastq_2:
        raise Unusable("first and second reads are two files", "both are the same", "Name the other file.")
    shared = [name for name in given if files[getattr(sample, name)] > 1]
    if shared:
        raise Unusable(
            "a file is of one patient",
            f"{', '.join(shared)} of another patient too",
            "Find out whose file it is.",
        )


def _marks(sample: Sample) -> dict[str, str]:
    found = {}
    for which in _READS:
        uri = getattr(sample, which)
        if uri not in sample.files:
            continue
        try:
            found[uri] = mark(uri)
        except InvalidInput:
            raise Unusable(
                "a file can be asked for", f"{which} cannot", "Give a path or s3:// that may be read."
            ) from None
        if not found[uri]:
            raise Unusable("the files are there", f"{which} is not", "Check path or key.")
    return found
