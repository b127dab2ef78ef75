"""The pipeline `deployment`: serve a registered model's champion, by itself.

Promote a canary: run it with canary=100. Roll back: give an older version the alias `champion` in MLflow, run it.
"""

from kfp import dsl

from components.deploy import deploy
from components.summarize_run import summarize_run
from pipelines.resources import light


@dsl.pipeline(
    name="deployment", description="Serve the champion of a registered model, proved by its golden case."
)
def deployment(
    model_name: str,
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    load: int = 0,
    memory: str = "8Gi",
    gpus: int = 0,
):
    """From the registry to an endpoint."""
    with dsl.ExitHandler(light(summarize_run())):
        light(
            deploy(
                model_name=model_name,
                target=target,
                canary=canary,
                mode=mode,
                replicas=replicas,
                load=load,
                memory=memory,
                gpus=gpus,
            )
        )
