"""The last stretch of a pipeline on feature tables: fit, judge beside the champion, register, deploy.

A pipeline of its own because KFP does not bring a parameter that only sizes a task into an exit handler.
"""

from kfp import dsl

from components.deploy import deploy
from components.evaluate_survival import evaluate_survival
from components.open_champion import open_champion
from components.register_survival import register_survival
from components.train_survival import train_survival
from medgantry.artifacts import Evaluation, FeatureTable
from pipelines.resources import heavy, light


@dsl.pipeline(name="modelling-survival", description="Fit, judge, register and serve a model of survival.")
def modelling_survival(
    features: dsl.Input[FeatureTable],
    model_name: str,
    columns: str = "",
    settings: str = "",
    horizons: str = "",
    seed: int = 0,
    min_gain: float = 0.0,
    memory: str = "8Gi",
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    serve_memory: str = "2Gi",
) -> Evaluation:
    """From joined features to an endpoint that serves whoever is champion then."""
    trained = train_survival(features=features, columns=columns, settings=settings, seed=seed)
    heavy(trained, memory)
    champion = light(open_champion(model_name=model_name))
    judged = evaluate_survival(
        model=trained.outputs["model"],
        features=features,
        champion=champion.outputs["champion"],
        horizons=horizons,
    )
    heavy(judged, memory)
    registered = register_survival(
        model=trained.outputs["model"],
        evaluation=judged.outputs["evaluation"],
        model_name=model_name,
        min_gain=min_gain,
    )
    light(registered)
    deployed = deploy(
        model_name=model_name,
        target=target,
        canary=canary,
        mode=mode,
        replicas=replicas,
        memory=serve_memory,
    )
    light(deployed.after(registered))
    return judged.outputs["evaluation"]
