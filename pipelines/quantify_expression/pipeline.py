"""The pipeline `quantify_expression`."""

from kfp import dsl

from components.ingest_clinical import ingest_clinical
from components.publish_features import publish_features
from components.summarize_run import summarize_run
from pipelines.quantifying import quantifying
from pipelines.resources import light, with_archive


@dsl.pipeline(
    name="quantify-expression", description="Paired reads of RNA to gene expression in the feature store."
)
def quantify_expression(
    sheet: str,
    transcriptome: str,
    clinical: str,
    gene_table: str = "",
    decoys: str = "",
    kmer: int = 31,
    roles: str = "medgantry:nsclc_radiogenomics",
    deidentify: str = "none",
    genes: str = "",
    min_pairs: int = 5_000_000,
    min_mapped: float = 0.4,
    project: str = "nsclc_radiogenomics",
    max_rejected: float = 0.2,
    memory: str = "16Gi",
):
    """From a sheet of samples to a feature view; the clinical table says when the tissue was taken."""
    with dsl.ExitHandler(light(summarize_run())):
        known = ingest_clinical(
            source=clinical, roles=roles, deidentify=deidentify, max_rejected=max_rejected
        )
        with_archive(light(known))
        table = quantifying(
            sheet=sheet,
            transcriptome=transcriptome,
            outcomes=known.outputs["outcomes"],
            gene_table=gene_table,
            decoys=decoys,
            kmer=kmer,
            deidentify=deidentify,
            genes=genes,
            min_pairs=min_pairs,
            min_mapped=min_mapped,
            max_rejected=max_rejected,
            memory=memory,
        )
        light(publish_features(table=table.output, project=project))
