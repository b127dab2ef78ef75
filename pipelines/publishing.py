"""The last stretch that every training pipeline shares: evaluate beside the champion, register, deploy.

A pipeline of its own because KFP does not bring a parameter that only sizes a task into an exit handler.
"""

from kfp import dsl

from components.deploy import deploy
from components.evaluate import evaluate
from components.open_champion import open_champion
from components.register import register
from medgantry.artifacts import Bundle, Cohort, Evaluation
from pipelines.resources import heavy, light


@dsl.pipeline(name="publishing", description="Judge a trained bundle, register it, serve the champion.")
def publishing(
    cohort: dsl.Input[Cohort],
    bundle: dsl.Input[Bundle],
    model_name: str,
    seed: int = 0,
    min_gain: float = 0.0,
    max_subgroup_drop: float = 0.05,
    memory: str = "8Gi",
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "8Gi",
    serve_gpus: int = 0,
) -> Evaluation:
    """From a trained bundle to an endpoint that serves whoever is champion then."""
    champion = light(open_champion(model_name=model_name))
    judged = evaluate(cohort=cohort, bundle=bundle, champion=champion.outputs["champion"], seed=seed)
    heavy(judged, memory)
    registered = register(
        bundle=bundle,
        cohort=cohort,
        evaluation=judged.outputs["evaluation"],
        model_name=model_name,
        min_gain=min_gain,
        max_subgroup_drop=max_subgroup_drop,
    )
    light(registered)
    deployed = deploy(
        model_name=model_name,
        target=target,
        canary=canary,
        mode=mode,
        replicas=replicas,
        memory=serve_memory,
        gpus=serve_gpus,
    )
    light(deployed.after(registered))
    return judged.outputs["evaluation"]
