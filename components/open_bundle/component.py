"""The component `open_bundle`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def open_bundle(
    bundle: dsl.Output[Bundle],
    uri: str,
    override: str = "",
    training: bool = True,
    trust: bool = False,
    pretrained: str = "",
):
    """Open a MONAI bundle, merge overrides into its configs, and compare what it needs with what is here.

    Args:
        uri: medgantry:<name> for one of ours, a path, or s3:// of a published bundle folder.
        override: JSON object of config ids and new values, such as {"epochs": 5}.
        training: Whether it is to be trained: what can't be is refused, before any work.
        trust: Whether a bundle that is not ours may run; its configs are code.
        pretrained: Path or s3:// of a state dict that training begins with, as far as it fits; empty for none.

    Returns:
        bundle: The bundle, ready for the steps that follow.
    """
    from pathlib import Path

    from medgantry.bundles.step import open_bundle_step

    options = {
        "uri": uri,
        "override": override,
        "training": training,
        "trust": trust,
        "pretrained": pretrained,
    }
    open_bundle_step(Path(bundle.path), **options)
