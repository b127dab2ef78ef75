"""The step `deploy`."""

from medgantry.cluster import Cluster
from medgantry.errors import InvalidInput
from medgantry.place import in_cluster
from medgantry.serving.deploy import deploy, find_champion
from medgantry.serving.gitops import emit
from medgantry.serving.inference_service import Capacity
from medgantry.serving.kserve import KServe
from medgantry.serving.laptop import Laptop
from medgantry.serving.target import Target
from medgantry.steps import step
from medgantry.storage import ObjectStore

TARGETS = ("auto", "laptop", "kserve", "manifest")


def deploy_step(
    model: str, target: str, canary: int, *, mode: str, replicas: str, load: int, memory: str, gpus: int
) -> str:
    """Deploy the champion of a registered model.

    Args:
        model: Name in the registry.
        target: One of `TARGETS`; `auto` is KServe in a pod, and the runner elsewhere.
        canary: Percent of the requests that a new release gets on KServe.
        mode: Of KServe; this and the others as `Capacity` has them.
        replicas: Least and most.
        load: What starts another replica.
        memory: Of one replica.
        gpus: Of one replica.

    Returns:
        The endpoint's address, or the manifest's URI.
    """
    with step("deploy") as record:
        if target not in TARGETS:
            raise InvalidInput(f"target must be one of {TARGETS}, got {target!r}.")
        capacity = Capacity(mode=mode, replicas=replicas, load=load, memory=memory, gpus=gpus)
        store = ObjectStore.from_environment()
        place: Target | None = None
        if target == "laptop" or (target == "auto" and not in_cluster()):
            place = Laptop(store)
        elif target != "manifest":
            place = KServe(Cluster(), store, capacity, canary, say=lambda line: print(line, flush=True))
        release = find_champion(model, store, record)
        if place is None:
            return emit(release, capacity, store, record)
        return deploy(release, place, store, record)
