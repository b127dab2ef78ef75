"""The body that every segmentation of volumes has: from files to a served, evaluated, registered model.

A Python function and no pipeline of its own, so that the steps are those of the pipeline that calls it.
"""

from typing import Any

from components.ingest_nifti import ingest_nifti
from components.open_bundle import open_bundle
from components.split_cohort import split_cohort
from pipelines.publishing import publishing
from pipelines.resources import heavy, light
from pipelines.training_folds import training_folds


def segment_volumes(
    *,
    source: Any,
    source_md5: Any,
    layout: Any,
    labels: Any,
    regions: Any,
    max_rejected: Any,
    validation: Any,
    test: Any,
    split_assignment: Any,
    accepted_duplicates: Any,
    folds: Any,
    rule: Any,
    test_time_augmentation: Any,
    bundle: Any,
    trust_bundle: Any,
    override: Any,
    shard_mib: Any,
    seed: Any,
    ranks: Any,
    train_options: Any,
    launcher: Any,
    queue: Any,
    cpu: Any,
    memory: Any,
    train_memory: Any,
    gpus: Any,
    model_name: Any,
    min_gain: Any,
    max_subgroup_drop: Any,
    target: Any,
    canary: Any,
    mode: Any,
    replicas: Any,
    serve_memory: Any,
    serve_gpus: Any,
) -> None:
    """Add the steps to the pipeline that is being written; the arguments are its parameters, by the same names."""
    opened = light(open_bundle(uri=bundle, override=override, trust=trust_bundle))
    ingested = ingest_nifti(
        source=source,
        source_md5=source_md5,
        layout=layout,
        regions=regions,
        labels=labels,
        max_rejected=max_rejected,
    )
    heavy(ingested.after(opened), memory)  # a bundle that cannot be run is refused before any work
    divided = split_cohort(
        cohort=ingested.outputs["cohort"],
        validation=validation,
        test=test,
        seed=seed,
        stratify_by="labels",
        assignment=split_assignment,
        accepted_duplicates=accepted_duplicates,
    )
    light(divided)
    cohort = divided.outputs["divided"]
    trained = training_folds(
        cohort=cohort,
        bundle=opened.outputs["bundle"],
        folds=folds,
        rule=rule,
        test_time_augmentation=test_time_augmentation,
        stratify_by="labels",
        shard_mib=shard_mib,
        max_rejected=max_rejected,
        seed=seed,
        ranks=ranks,
        train_options=train_options,
        launcher=launcher,
        queue=queue,
        cpu=cpu,
        memory=memory,
        train_memory=train_memory,
        gpus=gpus,
    )
    publishing(
        cohort=cohort,
        bundle=trained.output,
        model_name=model_name,
        seed=seed,
        min_gain=min_gain,
        max_subgroup_drop=max_subgroup_drop,
        memory=memory,
        target=target,
        canary=canary,
        mode=mode,
        replicas=replicas,
        serve_memory=serve_memory,
        serve_gpus=serve_gpus,
    )
