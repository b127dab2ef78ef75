"""The step `deploy`."""

from pathlib import Path

from medgantry.registry.registration import Registration
from medgantry.serving.deploy import deploy
from medgantry.steps import step
from medgantry.storage import ObjectStore


def deploy_step(registration_folder: Path) -> str:
    """Deploy the champion of a registered model; returns the endpoint's address."""
    registration = Registration.open(registration_folder)
    with step("deploy") as record:
        return str(deploy(registration.name, ObjectStore.from_environment(), record)["url"])
