"""Deployment: stage the champion, prove it with the golden case, and only then give it the users' requests.

A step leaves no server behind: a laptop's runner, or KServe, makes what is asked for.
"""

from typing import Any

from medgantry.registry.publish import publish_champion
from medgantry.serving.golden_check import GoldenCheck, check_golden
from medgantry.serving.target import DeploymentFailed, Endpoint, Release, Target
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore


def find_champion(name: str, store: ObjectStore, record: StepRecord) -> Release:
    """The champion of a registered model, with an immutable copy that a model server can read."""
    version, prefix = publish_champion(name, store)
    record.use(prefix)
    return Release(model=name, version=version, prefix=prefix)


def deploy(release: Release, target: Target, store: ObjectStore, record: StepRecord) -> str:
    """Serve a release and prove it, before and after users reach it.

    Returns:
        The endpoint's address.

    Raises:
        DeploymentFailed: If the endpoint is not ready in time, or it answers otherwise than evaluation did; what
            was served before goes on being served.
    """
    try:
        check = _prove(target.stage(release), release, store)
        endpoint = target.promote(release)
        if target.rollout == "full":
            check = _prove(endpoint, release, store)
    except DeploymentFailed:
        target.withdraw(release)
        raise
    described: dict[str, Any] = {"url": endpoint.url, "model": release.model, "version": release.version}
    record.facts = {"endpoint": described | {"rollout": target.rollout} | check.document()}
    return endpoint.url


def _prove(endpoint: Endpoint, release: Release, store: ObjectStore) -> GoldenCheck:
    check = check_golden(endpoint, release, store)
    if not check.equal:
        raise DeploymentFailed(
            f"{endpoint.url} answers case {check.golden} otherwise than evaluation did: {check.difference}.",
            "The versions of torch or MONAI differ between training and serving.",
        )
    return check
