"""The component `deploy`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Registration


@dsl.component(base_image=images.SERVE, install_kfp_package=False)
def deploy(
    registration: dsl.Input[Registration],
) -> str:
    """Serve the champion of a registered model and prove it with the golden case.

    Args:
        registration: Of the model.

    Returns:
        Output: The endpoint's address.
    """
    from pathlib import Path

    from medgantry.serving.step import deploy_step

    return deploy_step(Path(registration.path))
