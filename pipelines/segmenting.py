"""What every segmentation of volumes is: a pipeline from files to a served, evaluated, registered model."""

import inspect
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.ingest_nifti import ingest_nifti
from components.open_bundle import open_bundle
from components.split_cohort import split_cohort
from components.summarize_run import summarize_run
from pipelines.publishing import publishing
from pipelines.resources import heavy, light
from pipelines.training_folds import training_folds


def segmentation(*, name: str, description: str, **defaults: str) -> BaseComponent:
    """A pipeline of its own name and defaults with the parameters and the steps that all segmentations share.

    Args:
        name: In Kubeflow.
        description: In Kubeflow.
        **defaults: Of parameters of `_segment_volumes`: another one than there, or one where there is none.
    """
    shared = inspect.signature(_segment_volumes)
    shared.bind_partial(**defaults)  # a name that is no parameter's is an error

    def pipeline(*values: Any) -> None:
        with dsl.ExitHandler(light(summarize_run())):
            _segment_volumes(**dict(zip(shared.parameters, values, strict=True)))

    # KFP reads a pipeline's parameters off its signature.
    pipeline.__signature__ = shared.replace(  # type: ignore[attr-defined]
        parameters=[
            parameter.replace(default=defaults.get(parameter.name, parameter.default))
            for parameter in shared.parameters.values()
        ]
    )
    return dsl.pipeline(name=name, description=description)(pipeline)


def _segment_volumes(
    *,
    source: str,
    source_md5: str = "",
    layout: str = "auto",
    labels: str = "",
    regions: str = "",
    max_rejected: float = 0.2,
    validation: float = 0.2,
    test: float = 0.2,
    split_assignment: str = "",
    accepted_duplicates: str = "",
    folds: int = 1,
    rule: str = "mean",
    test_time_augmentation: str = "none",
    bundle: str,
    trust_bundle: bool = False,
    override: str = "",
    shard_mib: float = 256.0,
    seed: int = 0,
    ranks: int = 1,
    train_options: str = "",
    launcher: str = "auto",
    queue: str = "",
    cpu: str = "4",
    memory: str = "8Gi",
    train_memory: str = "16Gi",
    gpus: int = 0,
    model_name: str,
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "8Gi",
    serve_gpus: int = 0,
) -> None:
    """Add the steps to the pipeline that is being written; inside, the arguments are its parameters."""
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
