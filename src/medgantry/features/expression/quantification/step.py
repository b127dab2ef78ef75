"""The steps `plan_expression` and `quantify_expression`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from medgantry import ledger
from medgantry.documents import write_document
from medgantry.errors import InvalidInput
from medgantry.features.expression.quantification.index import keep_index
from medgantry.features.expression.quantification.places import bring
from medgantry.features.expression.quantification.plan import ExpressionPlan, plan_samples
from medgantry.features.expression.quantification.quantify import quantify_part
from medgantry.features.expression.quantification.receipt import RECEIPT, RECEIPT_SCHEMA
from medgantry.features.expression.quantification.reference import Reference, read_reference
from medgantry.features.expression.quantification.salmon import salmon_version
from medgantry.features.expression.quantification.sheet import STEP, read_sheet
from medgantry.ingest.dicom.names import names_for
from medgantry.steps import step
from medgantry.storage import ObjectStore
from medgantry.storage.files import read_bytes


def plan(
    output: Path, *, sheet: str, transcriptome: str, gene_table: str, decoys: str, kmer: int, deidentify: str
) -> list[int]:
    """Judge the sheet, index the transcripts and write a plan; returns the indices of the fan-out's tasks."""
    with step(STEP) as record, TemporaryDirectory(prefix="medgantry-") as scratch:
        folder, store, names = Path(scratch), ObjectStore.from_environment(), names_for(deidentify)
        listed = read_sheet(read_bytes(sheet), sheet, names)
        if not listed.samples:
            raise InvalidInput(
                f"The sheet must list samples that can be read, all {len(listed.entries)} were rejected: "
                + "; ".join(
                    f"{entry.item}: {entry.rule} ({entry.evidence})" for entry in listed.entries[:20]
                ),
                "Correct the sheet.",
            )
        reference = _reference(folder, transcriptome, gene_table, decoys)
        index, record.reused = keep_index(reference, kmer, store)
        made = plan_samples(
            listed,
            names,
            index=index,
            program=f"{salmon_version(folder)}, words of {kmer}",
            deidentify=deidentify,
            gene_of=reference.gene_of,
        )
        made.save(output)
        record.use(index)
        record.verdicts = ledger.counts(made.entries)
        record.facts = {
            "samples": len(made.samples),
            "tasks": made.parts,
            "transcripts": len(reference.gene_of),
        }
        return list(range(made.parts))


def _reference(folder: Path, transcriptome: str, gene_table: str, decoys: str) -> Reference:
    given = {"transcriptome": transcriptome, "gene_table": gene_table, "decoys": decoys}
    try:
        files = {name: bring(uri, folder / name) for name, uri in given.items() if uri}
    except ledger.Unusable:
        raise InvalidInput(
            f"A file of the reference is not there: {given}.", "Check paths and keys."
        ) from None
    return read_reference(
        files["transcriptome"], files.get("gene_table"), files.get("decoys"), folder / "reference.fasta"
    )


def quantify(plan_folder: Path, output: Path, *, index: int) -> None:
    """Quantify one task's samples and write a receipt of what was committed."""
    with step("quantify_expression", iteration=index) as record:
        results = quantify_part(
            ExpressionPlan.open(plan_folder), index, ObjectStore.from_environment(), record
        )
        write_document(output / RECEIPT, RECEIPT_SCHEMA, {"samples": results})
