"""The component `open_champion`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Champion


@dsl.component(base_image=images.DATA, install_kfp_package=False)
def open_champion(champion: dsl.Output[Champion], model_name: str):
    """Bring the champion of a registered model, for a candidate to be compared with.

    Args:
        model_name: Name in the registry.

    Returns:
        champion: The champion's bundle and version; it says so when there is none.
    """
    from pathlib import Path

    from medgantry.registry.open_champion import open_champion_step

    open_champion_step(Path(champion.path), name=model_name)
