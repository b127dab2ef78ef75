"""The component `plan_expression`."""

from kfp import dsl

from components import images
from medgantry.artifacts import FeaturePlan


@dsl.component(base_image=images.GENOMICS, install_kfp_package=False)
def plan_expression(
    plan: dsl.Output[FeaturePlan],
    sheet: str,
    transcriptome: str,
    gene_table: str = "",
    decoys: str = "",
    kmer: int = 31,
    deidentify: str = "pseudonyms",
) -> list[int]:
    """Judge a sheet of samples, index the transcripts and deal the samples to tasks.

    Args:
        sheet: Path or s3:// URI of a CSV: subject_id, fastq_1, fastq_2, or sra; paths in it are relative to it.
        transcriptome: FASTA of the transcripts, gzip or not, with headers of GENCODE or Ensembl, or names alone.
        gene_table: Table of transcript, gene and symbol; empty takes the genes of the FASTA's headers.
        decoys: FASTA of the genome, which catches reads that belong to no transcript; empty for none.
        kmer: Length of the words that are looked up: 31, or less for reads shorter than 75 bases.
        deidentify: none for a sheet that is de-identified; else pseudonyms, or what the images' ingest was given.

    Returns:
        plan: Which sample goes to which task, and the index.
        Output: Indices of the fan-out's tasks.
    """
    from pathlib import Path

    from medgantry.features.expression.quantification.step import plan as plan_step

    files = {"sheet": sheet, "transcriptome": transcriptome, "gene_table": gene_table, "decoys": decoys}
    return plan_step(Path(plan.path), **files, kmer=int(kmer), deidentify=deidentify)
