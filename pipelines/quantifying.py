"""The stretch from reads to gene expression: plan, fan out over samples, merge.

A part is a pipeline of its own because KFP does not bring a parameter that only sizes a task into a loop.
"""

from kfp import dsl

from components.merge_expression import merge_expression
from components.plan_expression import plan_expression
from components.quantify_expression import quantify_expression
from medgantry.artifacts import FeaturePlan, FeatureReceipt, FeatureTable
from pipelines.resources import heavy, light, with_archive, with_retries


@dsl.pipeline(name="quantify-part", description="One task of a plan of samples.")
def quantify_part(plan: dsl.Input[FeaturePlan], index: int, memory: str) -> FeatureReceipt:
    """Quantify the samples of one task."""
    made = quantify_expression(plan=plan, index=index)
    with_retries(with_archive(heavy(made, memory)))
    return made.outputs["receipt"]


@dsl.pipeline(name="quantifying", description="Paired reads of RNA to gene expression of patients.")
def quantifying(
    sheet: str,
    transcriptome: str,
    outcomes: dsl.Input[FeatureTable],
    gene_table: str = "",
    decoys: str = "",
    kmer: int = 31,
    deidentify: str = "pseudonyms",
    genes: str = "",
    min_pairs: int = 5_000_000,
    min_mapped: float = 0.4,
    max_rejected: float = 0.2,
    memory: str = "16Gi",
) -> FeatureTable:
    """From a sheet of samples to a row of genes per patient."""
    planned = plan_expression(
        sheet=sheet,
        transcriptome=transcriptome,
        gene_table=gene_table,
        decoys=decoys,
        kmer=kmer,
        deidentify=deidentify,
    )
    with_retries(with_archive(heavy(planned, memory)))
    with dsl.ParallelFor(planned.outputs["Output"], parallelism=50) as index:
        part = quantify_part(plan=planned.outputs["plan"], index=index, memory=memory)
    merged = merge_expression(
        plan=planned.outputs["plan"],
        receipts=dsl.Collected(part.output),
        outcomes=outcomes,
        genes=genes,
        min_pairs=min_pairs,
        min_mapped=min_mapped,
        max_rejected=max_rejected,
    )
    light(merged)
    return merged.outputs["expression"]
