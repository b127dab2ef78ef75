"""The component `deploy`."""

from kfp import dsl

from components import images


@dsl.component(base_image=images.SERVE, install_kfp_package=False)
def deploy(
    model_name: str,
    target: str = "auto",
    canary: int = 100,
    mode: str = "Knative",
    replicas: str = "1-1",
    load: int = 0,
    memory: str = "8Gi",
    gpus: int = 0,
) -> str:
    """Serve the champion of a registered model and prove it with the golden case.

    Args:
        model_name: Name in the registry; its champion is served.
        target: `kserve`, `laptop` (the runner), `manifest` for Git, or `auto`: KServe in a cluster.
        canary: Percent of the requests that a new version gets; 100 replaces the older one.
        mode: KServe's `Knative` or `Standard`.
        replicas: Least and most, such as 1-3; Knative goes down to 0.
        load: What starts another replica: requests in flight (Knative) or percent of CPU. 0 for 1 and 80.
        memory: Limit of one replica.
        gpus: Of one replica.

    Returns:
        Output: The endpoint's address, or the manifest's URI.
    """
    from medgantry.serving.step import deploy_step

    return deploy_step(
        model_name, target, canary, mode=mode, replicas=replicas, load=load, memory=memory, gpus=gpus
    )
